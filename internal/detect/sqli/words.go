package sqli

// sureNames are functions that mean one thing anywhere: they delay, read files, or
// carry data out by errors.
var sureNames = [...]string{
	"sleep", "pg_sleep", "benchmark", "extractvalue", "updatexml", "randomblob", "xmltype", "crypt_key", "regexp_substring", "load_file", "gtid_subset", "gtid_subtract",
	"name_const", "xp_cmdshell", "xp_dirtree", "xp_fileexist", "xp_regread", "sp_executesql", "sp_oacreate", "receive_message", "get_host_address", "get_host_name",
	"httpuritype", "sys_eval", "sys_exec", "lo_import", "lo_export", "pg_read_file", "pg_ls_dir", "dblink_connect", "query_to_xml", "database_to_xml", "openrowset",
	"opendatasource", "fn_xe_file_target_read_file", "load_extension", "drithsx", "getmappingxpath", "waitfor", "group_concat", "concat_ws", "make_set", "elt",
	"procedure_analyse", "generate_series", "export_set", "fn_my_permissions", "has_perms_by_name", "lo_get", "lo_put", "lo_from_bytea", "lo_creat", "lo_unlink",
	"database_to_xmlschema", "table_to_xml", "query_to_xml_and_xmlschema", "schema_to_xml", "cursor_to_xml", "writefile", "fts3_tokenizer", "cast_to_varchar2",
	"pg_read_binary_file", "pg_stat_file", "pg_ls_logdir", "pg_ls_waldir", "pg_current_logfile", "pg_file_write", "pg_reload_conf", "inet_server_addr", "dblink_exec",
	"dblink_send_query", "xp_subdirs", "xp_servicecontrol", "xp_ntsec_enumdomains", "xp_loginconfig", "xp_enumgroups", "xp_enumerrorlogs", "xp_regwrite", "xp_regdeletekey",
	"sp_makewebtask", "sp_addextendedproc", "sp_oamethod", "sp_addlogin", "sp_addsrvrolemember", "fn_trace_gettable", "fn_get_audit_file", "fn_dblog",
	"fn_get_sql", "fn_virtualfilestats", "sqlite_compileoption_get", "sqlite_source_id", "lib_mysqludf_sys_info", "master_pos_wait", "is_free_lock", "is_used_lock", "uuid_short",
	"zeroblob", "is_srvrolemember",
}

// tellingNames are functions of databases, some of them words of other languages.
var tellingNames = [...]string{
	"concat", "char", "chr", "nchar", "ascii", "substring", "substr", "mid", "ord", "cast", "convert", "hex", "unhex", "ifnull", "isnull", "nullif", "database", "version",
	"schema_name", "iif", "if", "user", "current_user", "system_user", "session_user", "schema", "connection_id", "last_insert_id", "row_count", "found_rows", "count",
	"length", "char_length", "len", "left", "right", "lpad", "rpad", "reverse", "upper", "lower", "ucase", "lcase", "replace", "repeat", "instr", "locate", "position",
	"bin", "oct", "conv", "md5", "sha", "sha1", "sha2", "password", "encode", "decode", "aes_encrypt", "aes_decrypt", "compress", "uuid", "rand", "random", "floor", "ceil",
	"round", "exp", "pow", "power", "sqrt", "abs", "sign", "pi", "sin", "cos", "tan", "log", "ln", "mod", "greatest", "least", "coalesce", "nvl", "nvl2", "to_char",
	"to_number", "to_date", "rawtohex", "rownum", "sys_context", "userenv", "current_setting", "set_config", "unicode", "db_name", "host_name", "object_id", "col_name",
	"suser_name", "quotename", "stuff", "str", "soundex", "difference", "json_keys", "json_extract", "json_depth", "json_length", "json_array", "json_object",
	"geometrycollection", "polygon", "multipoint", "multipolygon", "multilinestring", "linestring", "point", "st_latfromgeohash", "st_pointfromgeohash", "row", "values",
	"interval", "now", "sysdate", "current_date", "current_time", "curdate", "curtime", "datediff", "dayname", "date_format", "unix_timestamp", "min", "max", "sum", "avg",
	"stddev", "variance", "extract", "trim", "ltrim", "rtrim", "space", "field", "find_in_set", "format", "insert", "inet_aton", "load", "glob", "like", "printf", "quote",
	"typeof", "total", "changes", "sqlite_version", "xpath", "xmlagg", "listagg", "string_agg", "array_agg", "array_to_string", "chr2", "like_regex", "regexp_like",
	"regexp_replace", "regexp_instr", "utl_inaddr", "is_srvrolemember", "has_dbaccess", "ntile", "lag", "lead", "rank", "over", "case", "nan", "atan", "radians", "degrees",
	"fieldname", "lastval", "nextval", "setval", "pg_user",
}

// catalogueNames belong to databases' own tables.
var catalogueNames = [...]string{
	"information_schema", "sysobjects", "syscolumns", "sysusers", "sysdatabases", "sqlite_master", "sqlite_schema", "pg_catalog", "pg_user", "pg_shadow", "pg_database",
	"pg_tables", "pg_class", "pg_roles", "msysobjects", "msysaccessobjects", "all_users", "all_tables", "all_tab_columns", "user_tables", "user_tab_columns", "dba_users",
	"dba_tables", "mysql", "sysibm", "syscat", "sysdummy1", "sysmaster", "sysdual", "sysdba", "rdb", "v$version", "v$database", "v$instance", "v$parameter", "gv$version",
	"master", "sys", "dual", "domain", "utl_inaddr", "utl_http", "utl_file", "dbms_pipe", "dbms_lock", "dbms_session", "dbms_xmlquery", "dbms_xmlgen", "dbms_java",
	"dbms_ldap", "dbms_utility", "dbms_export_extension", "ctxsys", "httpuritype", "xp_cmdshell", "sp_password", "performance_schema", "systables", "systhreads",
	"innodb_table_stats", "user_objects", "user$", "tab", "cat", "sysserverse", "sysservers", "syslogins", "sysprocesses",
}

// sureCatalogueNames are those of them that mean one thing only, wherever they stand.
var sureCatalogueNames = [...]string{
	"information_schema", "sysobjects", "syscolumns", "sysusers", "sysdatabases", "sqlite_master", "pg_catalog", "pg_user", "pg_shadow", "msysobjects", "msysaccessobjects",
	"all_tab_columns", "user_tab_columns", "dba_users", "sysibm", "sysdummy1", "sysmaster", "utl_inaddr", "utl_http", "dbms_pipe", "dbms_lock", "dbms_session",
	"dbms_xmlgen", "dbms_java", "ctxsys", "xp_cmdshell", "v$version", "v$instance", "performance_schema", "rdb$database", "rdb$types", "rdb$fields", "sp_oacreate",
	"sp_executesql", "load_file", "all_users", "dba_java_policy", "user_java_policy", "dba_role_privs", "dba_sys_privs", "user_role_privs", "session_privs", "pg_authid",
	"pg_largeobject", "dba_objects", "dba_tab_columns", "dba_tables", "all_tables", "all_objects", "systypes",
}

// keywords are the words that the grammar knows.
var keywords = [...]string{
	"union", "select", "insert", "update", "delete", "drop", "create", "alter", "truncate", "exec", "execute", "call", "begin", "declare", "grant", "backup", "bulk",
	"copy", "handler", "use", "desc", "describe", "show", "set", "return", "with", "attach", "pragma", "vacuum", "revoke", "load", "waitfor", "shutdown", "merge",
	"replace", "restore", "having", "order", "group", "limit", "offset", "into", "procedure", "where", "when", "on", "as", "except", "intersect", "minus", "case",
	"collate", "like", "rlike", "regexp", "in", "between", "is", "sounds", "glob", "similar", "ilike", "match", "contains", "and", "or", "xor", "not", "values", "from",
	"do", "if", "exists", "interval", "table", "database", "outfile", "dumpfile", "analyse", "delay", "boolean", "mode", "prepare",
}

// names holds what is known of a name, a bit for each list.
var names = func() map[string]uint8 {
	m := map[string]uint8{}
	for i, list := range [...][]string{sureNames[:], tellingNames[:], catalogueNames[:], sureCatalogueNames[:]} {
		for _, n := range list {
			m[n] |= 1 << i
		}
	}
	return m
}()

// sizes holds the lengths of the names that begin with a byte, a bit for each.
var sizes = func() (t [256]uint64) {
	for n := range names {
		t[n[0]] |= 1 << (len(n) % 64)
	}
	return t
}()

// known returns what is known of a name.
func known(name string) uint8 {
	if name == "" || sizes[name[0]]>>(len(name)%64)&1 == 0 {
		return 0
	}
	return names[name]
}

// Words returns the words that SQL is known by: those that tell it alone, and
// those that do so beside its signs.
func Words() (alone, beside []string) {
	alone = append(sureNames[:len(sureNames):len(sureNames)], sureCatalogueNames[:]...)
	for _, list := range [...][]string{tellingNames[:], catalogueNames[:], keywords[:]} {
		beside = append(beside, list...)
	}
	return alone, beside
}

// telling reports whether a function of this name shows that someone talks to
// a database where a value was asked for. sure says that it does so anywhere.
func telling(name string) (yes, sure bool) {
	n := known(name)
	return n&3 != 0, n&1 != 0
}

// catalogue reports whether a name belongs to a database's own tables: nothing
// that a client of an API names.
func catalogue(name string) bool { return known(name)&4 != 0 }

// sureCatalogue is what of it means one thing only, wherever it stands.
func sureCatalogue(name string) bool { return known(name)&8 != 0 }
