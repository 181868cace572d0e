module orderflow

go 1.26
