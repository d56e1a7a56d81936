package code

import (
	"strings"

	"bartizan/internal/detect/lex"
)

// woken are classes, in lower case, whose objects do something when a document that
// names them is read: chains of Fastjson, Jackson, XStream, SnakeYAML, Json.NET and Ruby
// that were published. Those that end in a dot are packages.
var woken = [...]string{
	"java.lang.autocloseable", "java.lang.class", "java.lang.processbuilder", "java.lang.runtime",
	"java.net.inet4address", "java.net.inet6address", "java.net.inetaddress",
	"java.net.inetsocketaddress", "java.net.url", "java.lang.exception", "java.util.priorityqueue",
	"java.util.arraylist$itr", "java.util.serviceloader", "java.beans.",
	"javax.naming.", "javax.swing.jeditorpane", "javax.imageio.", "javax.script.", "javax.crypto.cipher",
	"javax.management.", "java.rmi.", "java.sql.drivermanager",
	"com.sun.", "sun.", "jdk.nashorn.", "com.zaxxer.hikari.", "com.mchange.", "com.alibaba.fastjson.", "com.caucho.",
	"com.newrelic.", "com.ibatis.", "com.p6spy.",
	"org.apache.xbean.", "org.apache.ibatis.", "org.apache.shiro.", "org.apache.commons.", "org.apache.xalan.",
	"org.apache.tomcat.", "org.apache.catalina.", "org.apache.cocoon.",
	"org.apache.openjpa.", "org.apache.aries.", "org.apache.activemq.", "org.apache.log4j.",
	"org.apache.hadoop.shaded.", "org.apache.bcel.", "org.apache.naming.",
	"org.springframework.", "org.hibernate.", "org.jboss.", "org.jdom.", "org.codehaus.", "org.h2.",
	"org.eclipse.jetty.", "br.com.anteros.", "ch.qos.logback.", "net.sf.ehcache.",
	"oracle.jdbc.", "oracle.jms.", "oadd.org.apache.", "groovy.", "bsh.", "clojure.", "lcom.sun.", "ljava.",
	"system.windows.data.objectdataprovider", "system.diagnostics.process",
	"system.configuration.install.", "system.security.principal.", "system.web.ui.", "microsoft.visualstudio.text.",
	"system.workflow.",
}

// Wakes reports whether a class of this name, in lower case, is one of woken.
func Wakes(name string) bool {
	name = strings.TrimLeft(name, "[ ")
	for _, w := range woken {
		if strings.HasPrefix(name, w) && (w[len(w)-1] == '.' || !lex.WordByte(lex.Byte(name, len(w)))) {
			return true
		}
	}
	return false
}

// typed: "@type":"java.lang.AutoCloseable" at the sign of a document that is a value, or
// that is broken.
func typed(s string, i int) lex.Strength {
	n := 0
	switch {
	case lex.At(s, i, "@type"):
		n = i + 5
	case lex.At(s, i, "@class"):
		n = i + 6
	default:
		return lex.None
	}
	if m := lex.Skip(s, n, "\"'\\ :"); m > n+1 && Wakes(lex.Ahead(s, m)) {
		return lex.Likely
	}
	return lex.None
}

// Awakened reports whether a document of YAML in lower case begins with an object that
// does something when it is read, as only a reader without bounds makes it.
func Awakened(s string) bool {
	head := s[:min(len(s), 24)]
	i := strings.IndexByte(head, '!')
	if i < 0 || strings.Trim(head[:i], "- \r\n") != "" {
		return false
	}
	s = s[:min(len(s), 512)]
	for _, w := range [...]string{"!ruby/object:gem", "!ruby/object:net::", "!ruby/object:erb",
		"!ruby/hash:actioncontroller", "!ruby/hash:actiondispatch", "!ruby/object:activesupport", "!ruby/object:rack",
		"!ruby/object:socket", "!ruby/object:kernel", "!ruby/object:drb", "!ruby/class", "!!python/object/apply",
		"!!python/object/new", "!!python/name", "!!python/module", "!!javax.", "!!java.net.url",
		"!!com.sun.", "!!org.springframework.", "!!com.mchange.", "!!js/function"} {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// beanNames begin elements of documents that XStream reads into objects.
var beanNames = lex.NeedlesOf("<java.util.priorityqueue", "<java.lang.processbuilder", "<javax.imageio.",
	"<javax.naming.", "<com.sun.", "<sun.", "<jdk.nashorn.",
	"<sorted-set><dynamic", "<org.springframework.", "<java.lang.runtime", "<javax.swing.", "<java.rmi.",
	"<javax.script.")

// streamed are classes of the chains that were published for XStream; settings of
// programs name others.
var streamed = lex.NeedlesOf("com.sun.org.apache.", "com.sun.xml.internal.", "com.sun.corba.", "com.sun.rowset.",
	"com.sun.media.", "sun.tracing.", "sun.misc.", "sun.swing.", "sun.reflect.", "sun.rmi.",
	"jdk.nashorn.internal.", "javax.imageio.", "javax.crypto.cipher", "javax.swing.", "javax.naming.ldap.rdn",
	"javax.script.", "java.beans.eventhandler", "java.util.arraylist$",
	"java.lang.processbuilder", "java.lang.runtime", "java.util.priorityqueue", "java.util.serviceloader", "java.rmi.")

// Streamed reports whether an element or attribute of XML whose text is name, in lower
// case, names a class of streamed.
func Streamed(name string) bool { return name != "" && streamed.At(name, 0) }
