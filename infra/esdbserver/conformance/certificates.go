package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// certificateLife is how long the certificates are good for: far longer than
// any run, and short enough not to be reused.
const certificateLife = 24 * time.Hour

// WriteCertificates makes the certificates that the suite looks for, fresh,
// below dir:
//
//	ca/ca.crt                 signs node and user-admin
//	untrusted-ca/ca.crt       signs user-invalid and nothing that the node shows
//	node/node.{crt,key}       for localhost and 127.0.0.1; a client may trust it by itself
//	user-admin/…, user-invalid/…
func WriteCertificates(dir string, now time.Time) error {
	ca, err := newAuthority(dir, "ca", now)
	if err != nil {
		return err
	}
	untrusted, err := newAuthority(dir, "untrusted-ca", now)
	if err != nil {
		return err
	}
	return errors.Join(
		ca.sign(dir, "node", &x509.Certificate{
			Subject:     pkix.Name{CommonName: "eventstoredb-node"},
			DNSNames:    []string{"localhost"},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}),
		ca.sign(dir, "user-admin", &x509.Certificate{
			Subject:     pkix.Name{CommonName: "admin"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}),
		untrusted.sign(dir, "user-invalid", &x509.Certificate{
			Subject:     pkix.Name{CommonName: "invalid"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}),
	)
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	now         time.Time
}

func newAuthority(dir, name string, now time.Time) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "orderflow conformance " + name},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	a := authority{template, key, now}
	der, err := a.create(template, key)
	if err != nil {
		return authority{}, err
	}
	if a.certificate, err = x509.ParseCertificate(der); err != nil {
		return authority{}, err
	}
	return a, write(dir, name, "ca", der, key)
}

// create signs a template, which may be the authority's own.
func (a authority) create(template *x509.Certificate, key *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore, template.NotAfter = a.now.Add(-time.Hour), a.now.Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
}

func (a authority) sign(dir, name string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.BasicConstraintsValid = true
	der, err := a.create(template, key)
	if err != nil {
		return err
	}
	return write(dir, name, name, der, key)
}

// write puts a certificate and its key into dir/folder.
func write(dir, folder, name string, der []byte, key *ecdsa.PrivateKey) error {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, folder)
	return errors.Join(
		os.MkdirAll(path, 0o700),
		os.WriteFile(filepath.Join(path, name+".crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(path, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
