package page

import (
	"strconv"
	"strings"
)

// texts are what the page says in one language. {site} is the site's name, {wait} a number
// of seconds.
type texts struct {
	title, intro, noScript, link, linkNote, reference, contact string
	bar, button                                                string
	// What the script says.
	checking, sending, done, failed, press, slow, cannot, later string
}

// English is the first: what is said where none of the others is asked for.
var languages = []struct {
	tag string
	texts
}{
	{"en", texts{
		title:    "One moment",
		intro:    "Before you go on, {site} checks that a browser is asking. Nothing is loaded from anywhere else, and nothing about you is stored.",
		noScript: "Your browser runs no scripts here. That is fine: please wait {wait} seconds. The page goes on by itself, or by the link below.",
		link:     "Go on without scripts", linkNote: "(works {wait} seconds after this page has loaded)",
		reference: "Reference", contact: "If this does not help, write to {contact} and give the reference.",
		bar: "Progress of the check", button: "Continue",
		checking: "Checking. This takes a moment and needs nothing from you.", sending: "Checking.", done: "Done. Going on.",
		failed: "The check did not succeed. You can load this page again, or go on without scripts by the link below.",
		press:  "Please press the button to go on.", slow: "This takes too long here.", cannot: "The check cannot run here.",
		later: "The page goes on in {wait} seconds.",
	}},
	{"de", texts{
		title:    "Einen Moment",
		intro:    "Bevor es weitergeht, prüft {site}, ob ein Browser anfragt. Es wird nichts von anderswo geladen und nichts über Sie gespeichert.",
		noScript: "Ihr Browser führt hier keine Skripte aus. Das ist in Ordnung: Bitte warten Sie {wait} Sekunden. Die Seite geht von selbst weiter oder über den Link unten.",
		link:     "Ohne Skripte weiter", linkNote: "(geht {wait} Sekunden nach dem Laden dieser Seite)",
		reference: "Referenz", contact: "Falls das nicht hilft, schreiben Sie an {contact} und nennen Sie die Referenz.",
		bar: "Fortschritt der Prüfung", button: "Weiter",
		checking: "Prüfung läuft. Das dauert einen Moment, Sie müssen nichts tun.", sending: "Prüfung läuft.", done: "Fertig. Es geht weiter.",
		failed: "Die Prüfung ist nicht gelungen. Sie können diese Seite neu laden oder über den Link unten ohne Skripte weitergehen.",
		press:  "Bitte drücken Sie auf „Weiter“.", slow: "Das dauert hier zu lange.", cannot: "Die Prüfung kann hier nicht laufen.",
		later: "Die Seite geht in {wait} Sekunden weiter.",
	}},
	{"fr", texts{
		title:    "Un instant",
		intro:    "Avant de continuer, {site} vérifie que c’est bien un navigateur qui le demande. Rien n’est chargé d’ailleurs et rien n’est enregistré à votre sujet.",
		noScript: "Votre navigateur n’exécute pas de scripts ici. Ce n’est pas un problème : veuillez attendre {wait} secondes. La page continue d’elle-même, ou par le lien ci-dessous.",
		link:     "Continuer sans scripts", linkNote: "(fonctionne {wait} secondes après le chargement de cette page)",
		reference: "Référence", contact: "Si cela n’aide pas, écrivez à {contact} en indiquant la référence.",
		bar: "Progression de la vérification", button: "Continuer",
		checking: "Vérification en cours. Cela prend un instant et ne demande rien de votre part.", sending: "Vérification en cours.", done: "Terminé. On continue.",
		failed: "La vérification n’a pas réussi. Vous pouvez recharger cette page ou continuer sans scripts par le lien ci-dessous.",
		press:  "Veuillez appuyer sur le bouton pour continuer.", slow: "Cela prend trop de temps ici.", cannot: "La vérification ne peut pas être faite ici.",
		later: "La page continue dans {wait} secondes.",
	}},
	{"es", texts{
		title:    "Un momento",
		intro:    "Antes de continuar, {site} comprueba que quien pregunta es un navegador. No se carga nada de otro lugar y no se guarda nada sobre usted.",
		noScript: "Su navegador no ejecuta scripts aquí. No pasa nada: espere {wait} segundos. La página continúa por sí sola, o con el enlace de abajo.",
		link:     "Continuar sin scripts", linkNote: "(funciona {wait} segundos después de cargarse esta página)",
		reference: "Referencia", contact: "Si esto no ayuda, escriba a {contact} e indique la referencia.",
		bar: "Progreso de la comprobación", button: "Continuar",
		checking: "Comprobando. Tarda un momento y usted no tiene que hacer nada.", sending: "Comprobando.", done: "Listo. Continuamos.",
		failed: "La comprobación no ha funcionado. Puede volver a cargar esta página o continuar sin scripts con el enlace de abajo.",
		press:  "Pulse el botón para continuar.", slow: "Aquí tarda demasiado.", cannot: "La comprobación no se puede hacer aquí.",
		later: "La página continúa en {wait} segundos.",
	}},
	{"it", texts{
		title:    "Un momento",
		intro:    "Prima di proseguire, {site} verifica che sia un browser a chiedere. Non viene caricato nulla da altri siti e non viene salvato nulla su di Lei.",
		noScript: "Qui il Suo browser non esegue script. Va bene così: attenda {wait} secondi. La pagina prosegue da sola, oppure con il link qui sotto.",
		link:     "Prosegui senza script", linkNote: "(funziona {wait} secondi dopo il caricamento di questa pagina)",
		reference: "Riferimento", contact: "Se non basta, scriva a {contact} indicando il riferimento.",
		bar: "Avanzamento della verifica", button: "Continua",
		checking: "Verifica in corso. Richiede un momento e Lei non deve fare nulla.", sending: "Verifica in corso.", done: "Fatto. Si prosegue.",
		failed: "La verifica non è riuscita. Può ricaricare questa pagina o proseguire senza script con il link qui sotto.",
		press:  "Prema il pulsante per continuare.", slow: "Qui richiede troppo tempo.", cannot: "Qui la verifica non può essere eseguita.",
		later: "La pagina prosegue tra {wait} secondi.",
	}},
	{"pt", texts{
		title:    "Um momento",
		intro:    "Antes de continuar, {site} verifica se é um navegador que faz o pedido. Nada é carregado de outro lugar e nada sobre si é guardado.",
		noScript: "O seu navegador não executa scripts aqui. Não há problema: aguarde {wait} segundos. A página continua sozinha, ou pela ligação abaixo.",
		link:     "Continuar sem scripts", linkNote: "(funciona {wait} segundos depois de esta página carregar)",
		reference: "Referência", contact: "Se isto não ajudar, escreva para {contact} e indique a referência.",
		bar: "Progresso da verificação", button: "Continuar",
		checking: "A verificar. Demora um momento e não precisa de fazer nada.", sending: "A verificar.", done: "Pronto. A continuar.",
		failed: "A verificação não teve êxito. Pode carregar esta página de novo ou continuar sem scripts pela ligação abaixo.",
		press:  "Prima o botão para continuar.", slow: "Aqui demora demasiado.", cannot: "A verificação não pode ser feita aqui.",
		later: "A página continua dentro de {wait} segundos.",
	}},
	{"nl", texts{
		title:    "Een ogenblik",
		intro:    "Voordat u verdergaat, controleert {site} of een browser de aanvraag doet. Er wordt niets van elders geladen en niets over u bewaard.",
		noScript: "Uw browser voert hier geen scripts uit. Dat geeft niet: wacht {wait} seconden. De pagina gaat vanzelf verder, of via de link hieronder.",
		link:     "Verder zonder scripts", linkNote: "(werkt {wait} seconden nadat deze pagina is geladen)",
		reference: "Referentie", contact: "Helpt dit niet, schrijf dan naar {contact} en vermeld de referentie.",
		bar: "Voortgang van de controle", button: "Verder",
		checking: "Bezig met controleren. Dit duurt even, u hoeft niets te doen.", sending: "Bezig met controleren.", done: "Klaar. We gaan verder.",
		failed: "De controle is niet gelukt. U kunt deze pagina opnieuw laden of zonder scripts verdergaan via de link hieronder.",
		press:  "Druk op de knop om verder te gaan.", slow: "Dit duurt hier te lang.", cannot: "De controle kan hier niet worden uitgevoerd.",
		later: "De pagina gaat over {wait} seconden verder.",
	}},
	{"pl", texts{
		title:    "Chwileczkę",
		intro:    "Zanim przejdziesz dalej, {site} sprawdza, czy pyta przeglądarka. Nic nie jest ładowane z innych miejsc i nic o Tobie nie jest zapisywane.",
		noScript: "Twoja przeglądarka nie uruchamia tu skryptów. To nic złego: poczekaj {wait} s. Strona przejdzie dalej sama albo przez link poniżej.",
		link:     "Przejdź dalej bez skryptów", linkNote: "(działa {wait} s po załadowaniu tej strony)",
		reference: "Numer referencyjny", contact: "Jeśli to nie pomoże, napisz do {contact} i podaj numer referencyjny.",
		bar: "Postęp sprawdzania", button: "Dalej",
		checking: "Sprawdzanie. To potrwa chwilę i niczego od Ciebie nie wymaga.", sending: "Sprawdzanie.", done: "Gotowe. Przechodzimy dalej.",
		failed: "Sprawdzenie się nie powiodło. Możesz załadować stronę ponownie albo przejść dalej bez skryptów przez link poniżej.",
		press:  "Naciśnij przycisk, aby przejść dalej.", slow: "To trwa tutaj zbyt długo.", cannot: "Tutaj nie da się wykonać sprawdzenia.",
		later: "Strona przejdzie dalej za {wait} s.",
	}},
	{"ja", texts{
		title:    "少々お待ちください",
		intro:    "先に進む前に、{site} はブラウザーからのアクセスかどうかを確認しています。他の場所からは何も読み込まれず、お客様の情報は保存されません。",
		noScript: "お使いのブラウザーではスクリプトが動作していません。問題ありません。{wait} 秒お待ちください。ページは自動的に進みます。下のリンクからも進めます。",
		link:     "スクリプトなしで進む", linkNote: "(このページの読み込みから {wait} 秒後に使えます)",
		reference: "参照番号", contact: "解決しない場合は、参照番号を添えて {contact} までご連絡ください。",
		bar: "確認の進行状況", button: "続ける",
		checking: "確認しています。少し時間がかかりますが、操作は必要ありません。", sending: "確認しています。", done: "完了しました。次に進みます。",
		failed: "確認できませんでした。このページを再読み込みするか、下のリンクからスクリプトなしで進んでください。",
		press:  "ボタンを押して続けてください。", slow: "時間がかかりすぎています。", cannot: "ここでは確認を実行できません。",
		later: "ページは {wait} 秒後に進みます。",
	}},
	{"zh", texts{
		title:    "请稍候",
		intro:    "在您继续之前,{site} 正在确认请求来自浏览器。不会从其他地方加载任何内容,也不会保存您的任何信息。",
		noScript: "您的浏览器在此不运行脚本。没有关系:请等待 {wait} 秒。页面会自动继续,也可以使用下面的链接。",
		link:     "不使用脚本继续", linkNote: "(在此页面加载 {wait} 秒后可用)",
		reference: "参考编号", contact: "如果仍然无法继续,请联系 {contact} 并提供参考编号。",
		bar: "检查进度", button: "继续",
		checking: "正在检查。这需要一点时间,您无需进行任何操作。", sending: "正在检查。", done: "完成。正在继续。",
		failed: "检查未成功。您可以重新加载此页面,或通过下面的链接不使用脚本继续。",
		press:  "请按按钮继续。", slow: "在这里用时过长。", cannot: "无法在这里运行检查。",
		later: "页面将在 {wait} 秒后继续。",
	}},
}

// offered is how many languages of a request are looked at: browsers name few.
const offered = 12

// choose returns the place of the language that an Accept-Language (RFC 9110, section
// 12.5.4) wants most of those there are; English for none.
func choose(accepts string) int {
	best, weight := 0, 0.0
	n := 0
	for part := range strings.SplitSeq(accepts, ",") {
		if n++; n > offered {
			break
		}
		tag, rest, _ := strings.Cut(part, ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(rest), "q="); ok {
			q, _ = strconv.ParseFloat(v, 64) // 0 for what is no number: not wanted
		}
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		for i := range languages {
			if languages[i].tag == tag && q > weight && q <= 1 {
				best, weight = i, q
			}
		}
	}
	return best
}
