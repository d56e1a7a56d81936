package main

func wordpress() app  { return app{name: "wordpress", needs: []need{{"/nowhere", "later"}}} }
func mediawiki() app  { return app{name: "mediawiki", needs: []need{{"/nowhere", "later"}}} }
func phpmyadmin() app { return app{name: "phpmyadmin", needs: []need{{"/nowhere", "later"}}} }
