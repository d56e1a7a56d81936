package intel

// WellKnown are bots whose operators publish how to verify them by name. Ranges
// come from the operator's configuration.
func WellKnown() []Bot {
	return []Bot{
		{Name: "googlebot", Agent: "Googlebot", Domains: []string{"googlebot.com", "google.com"}},
		{Name: "bingbot", Agent: "bingbot", Domains: []string{"search.msn.com"}},
		{Name: "applebot", Agent: "Applebot", Domains: []string{"applebot.apple.com"}},
		{Name: "yandexbot", Agent: "YandexBot", Domains: []string{"yandex.ru", "yandex.net", "yandex.com"}},
		{Name: "baiduspider", Agent: "Baiduspider", Domains: []string{"baidu.com", "baidu.jp"}},
		{Name: "pinterestbot", Agent: "Pinterestbot", Domains: []string{"pinterest.com"}},
	}
}
