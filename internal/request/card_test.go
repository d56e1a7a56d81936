package request

import "testing"

func TestCardFieldOf(t *testing.T) {
	for _, c := range []struct {
		key, text string
		want      CardField
	}{
		{"card.number", "4111 1111 1111 1111", CardNumberField},
		{"whatever", "4111111111111111", CardNumberField},
		{"payment[card_number]", "4242424242424241", CardNumberField}, // masked: no card's number any more
		{"pan", "~0123456789abcdef", CardNumberField},
		{"order.number", "17", NoCardField},
		{"card", "visa", NoCardField},
		{"card.cvv", "123", CardDetailField},
		{"expiry_month", "", CardDetailField},
		{"amount", "1000", NoCardField},
	} {
		if got := CardFieldOf(c.key, c.text); got != c.want {
			t.Errorf("%s = %q: got %d; want %d", c.key, c.text, got, c.want)
		}
	}
}
