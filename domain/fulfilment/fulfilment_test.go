package fulfilment_test

import (
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/decider/decidertest"
	"orderflow/domain/eventlog/eventlogtest"
	"orderflow/domain/fulfilment"
)

const id = domain.OrderID("ord_1")

var (
	total = domain.GBP(900)

	held      = fulfilment.StockReserved{Warehouse: "main"}
	asked     = fulfilment.PaymentRequested{Order: id, Amount: total, Token: "tok_visa"}
	paid      = fulfilment.PaymentSettled{Reference: "ch_1"}
	shipAsked = fulfilment.ShipmentRequested{Order: id}
	booked    = fulfilment.ShipmentBooked{Tracking: "trk_1"}
	completed = fulfilment.Completed{}
	reverting = fulfilment.Reverting{Reason: domain.PaymentDeclined, Detail: "no funds"}
	cancel    = fulfilment.Reverting{Reason: domain.CustomerAsked, Cancel: true}
	shipOff   = fulfilment.ShipmentCancelled{}
	moneyBack = fulfilment.PaymentReverted{}
	freed     = fulfilment.StockReleased{}
	reverted  = fulfilment.Reverted{}
	returning = fulfilment.ReturnAccepted{Return: "r1", Refund: domain.GBP(100)}
	returned  = fulfilment.ReturnSettled{Return: "r1"}
	stuck     = fulfilment.NeedsAttention{Step: string(fulfilment.StepRevertPayment), Reason: "refused"}
	resumed   = fulfilment.Resumed{By: "ann", Note: "called them"}
)

type events = []fulfilment.Event

var (
	charging  = events{held, asked}
	shipping  = append(charging[:2:2], paid, shipAsked)
	fulfilled = append(shipping[:4:4], booked, completed)
)

func given(t *testing.T, history ...fulfilment.Event) *decidertest.Scenario[fulfilment.State, fulfilment.Event] {
	return decidertest.For(t, fulfilment.Decider).Given(history...)
}

func TestForward(t *testing.T) {
	hold := fulfilment.HoldStock(id, "main", total, "tok_visa")
	given(t).When(hold).Then(held, asked)
	given(t, charging...).When(hold).Then()
	given(t, fulfilled...).When(hold).ThenFails(domain.Rejected)
	given(t, charging...).When(fulfilment.SettlePayment(id, "ch_1")).Then(paid, shipAsked)
	given(t).When(fulfilment.SettlePayment(id, "ch_1")).ThenFails(domain.Rejected)
	given(t, shipping...).When(fulfilment.Complete("trk_1")).Then(booked, completed)
	given(t, charging...).When(fulfilment.Complete("trk_1")).ThenFails(domain.Rejected)
}

func TestCompensating(t *testing.T) {
	undo := append(fulfilled[:6:6], cancel)
	given(t, charging...).When(fulfilment.Revert(domain.PaymentDeclined, "no funds", false)).Then(reverting)
	given(t, fulfilled...).When(fulfilment.Revert(domain.CustomerAsked, "", true)).Then(cancel)
	given(t, undo...).When(fulfilment.Revert(domain.PaymentDeclined, "", false)).Then() // once is enough
	given(t, append(fulfilled[:6:6], returning)...).When(fulfilment.Revert(domain.CustomerAsked, "", true)).ThenFails(domain.Rejected)
	given(t, undo...).When(fulfilment.RecordShipmentCancelled()).Then(shipOff)
	given(t, undo...).When(fulfilment.RecordPaymentReverted()).Then(moneyBack)
	given(t, undo...).When(fulfilment.FinishRevert()).Then(freed, reverted)
	given(t, fulfilled...).When(fulfilment.FinishRevert()).ThenFails(domain.Rejected)
	given(t, fulfilled...).When(fulfilment.RecordPaymentReverted()).ThenFails(domain.Rejected)
	given(t, undo...).When(fulfilment.SettlePayment(id, "ch_1")).ThenFails(domain.Rejected) // no step forward after the first back
}

func TestReturns(t *testing.T) {
	given(t, fulfilled...).When(fulfilment.AcceptReturn("r1", domain.GBP(100))).Then(returning)
	given(t, shipping...).When(fulfilment.AcceptReturn("r1", domain.GBP(100))).ThenFails(domain.Rejected)
	given(t, append(fulfilled[:6:6], returning)...).When(fulfilment.SettleReturned("r1")).Then(returned)
	given(t, append(fulfilled[:6:6], returning, returned)...).When(fulfilment.SettleReturned("r1")).Then()
	given(t, fulfilled...).When(fulfilment.SettleReturned("r1")).ThenFails(domain.NotFound)
}

func TestAttention(t *testing.T) {
	undo := append(fulfilled[:6:6], cancel)
	given(t, undo...).When(fulfilment.CallAttention(fulfilment.StepRevertPayment, "refused")).Then(stuck)
	given(t, append(undo[:7:7], stuck)...).When(fulfilment.CallAttention(fulfilment.StepShip, "other")).Then()
	given(t, append(undo[:7:7], stuck)...).When(fulfilment.Resume("ann", "called them")).Then(resumed)
	given(t, undo...).When(fulfilment.Resume("ann", "")).Then()
}

// What is undone is exactly what was asked for, last thing first.
func TestNextGoesForwardAndBack(t *testing.T) {
	for _, tc := range []struct {
		name    string
		history events
		want    fulfilment.Step
	}{
		{"placed", nil, fulfilment.StepReserve},
		{"reserved", charging, fulfilment.StepCharge},
		{"paid", shipping, fulfilment.StepShip},
		{"fulfilled", fulfilled, fulfilment.StepIdle},
		{"returning", append(fulfilled[:6:6], returning), fulfilment.StepSettleReturn},
		{"returned", append(fulfilled[:6:6], returning, returned), fulfilment.StepIdle},
		{"short", events{reverting}, fulfilment.StepReleaseStock},
		{"declined", append(charging[:2:2], reverting), fulfilment.StepRevertPayment},
		{"declined, money back", append(charging[:2:2], reverting, moneyBack), fulfilment.StepReleaseStock},
		{"unshippable", append(shipping[:4:4], reverting), fulfilment.StepCancelShipment},
		{"cancelled", append(fulfilled[:6:6], cancel), fulfilment.StepCancelShipment},
		{"cancelled, parcel off", append(fulfilled[:6:6], cancel, shipOff), fulfilment.StepRevertPayment},
		{"cancelled, money back", append(fulfilled[:6:6], cancel, shipOff, moneyBack), fulfilment.StepReleaseStock},
		{"undone", append(fulfilled[:6:6], cancel, shipOff, moneyBack, freed, reverted), fulfilment.StepIdle},
		{"stuck", append(fulfilled[:6:6], cancel, stuck), fulfilment.StepAttention},
		{"resumed", append(fulfilled[:6:6], cancel, stuck, resumed), fulfilment.StepCancelShipment},
	} {
		s := fulfilment.Decider.Fold(fulfilment.Decider.Initial, tc.history...)
		if got := s.Next(); got != tc.want {
			t.Errorf("%s: next is %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Whatever is decided in whatever order: deciding twice is deciding once, and
// nothing goes forward once it was turned round.
func TestAnySequence(t *testing.T) {
	decisions := []fulfilment.Decision{
		fulfilment.HoldStock(id, "main", total, "tok"), fulfilment.SettlePayment(id, "ch"), fulfilment.Complete("trk"),
		fulfilment.Revert(domain.OutOfStock, "", false), fulfilment.RecordShipmentCancelled(), fulfilment.RecordPaymentReverted(),
		fulfilment.FinishRevert(), fulfilment.AcceptReturn("r1", domain.GBP(1)), fulfilment.AcceptReturn("r2", domain.GBP(2)),
		fulfilment.SettleReturned("r1"), fulfilment.CallAttention(fulfilment.StepCharge, "x"), fulfilment.Resume("ann", ""),
	}
	rapid.Check(t, func(t *rapid.T) {
		s, turned := fulfilment.Decider.Initial, false
		for _, decide := range rapid.SliceOfN(rapid.SampledFrom(decisions), 1, 40).Draw(t, "decisions") {
			was := s.Phase
			made, err := decide(s)
			if err != nil {
				continue
			}
			s = fulfilment.Decider.Fold(s, made...)
			if again, err := decide(s); err != nil || len(again) > 0 {
				t.Fatalf("decided twice: %v %v", again, err)
			}
			turned = turned || s.Phase == fulfilment.PhaseCompensating
			if turned && s.Phase != fulfilment.PhaseCompensating && s.Phase != fulfilment.PhaseCompensated {
				t.Fatalf("from %s forward to %s after it was turned round", was, s.Phase)
			}
		}
	})
}

func TestStoredForm(t *testing.T) {
	eventlogtest.Golden[fulfilment.Event](t, fulfilment.Codec, held, asked, paid, shipAsked, booked, completed,
		reverting, cancel, shipOff, moneyBack, freed, reverted, returning, returned, stuck, resumed)
}

// A conclusion counts only while the fulfilment waits for the step it was drawn at.
func TestIfStill(t *testing.T) {
	undo := []fulfilment.Event{fulfilment.Reverting{}}
	seen := fulfilment.Decider.Fold(fulfilment.State{}, undo...)
	call := fulfilment.CallAttention(seen.Next(), "why")
	given(t, undo...).When(fulfilment.IfStill(seen, call)).Then(fulfilment.NeedsAttention{Step: string(seen.Next()), Reason: "why"})
	given(t, append(undo, fulfilment.NeedsAttention{}, fulfilment.Resumed{})...).When(fulfilment.IfStill(seen, call)).Then()
	given(t, append(undo, fulfilment.StockReleased{}, fulfilment.Reverted{})...).When(fulfilment.IfStill(seen, call)).Then()
}
