/* SPDX-License-Identifier: Apache-2.0 */
/* The names that users of grok know, defined for RE2: it looks neither ahead nor back, so borders of words stand where
 * others look around. */
#include "ottl/function/grok.h"

#define H4 "[0-9A-Fa-f]{1,4}"

const struct grok_definition grok_definitions[] = {
    /* words and numbers */
    { "WORD", "\\b\\w+\\b" },
    { "NOTSPACE", "\\S+" },
    { "SPACE", "\\s*" },
    { "DATA", ".*?" },
    { "GREEDYDATA", ".*" },
    { "GREEDYMULTILINE", "(?s:.*)" },
    { "INT", "[+-]?\\d+" },
    { "POSINT", "\\b[1-9]\\d*\\b" },
    { "NONNEGINT", "\\b\\d+\\b" },
    { "BASE10NUM", "[+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)" },
    { "NUMBER", "%{BASE10NUM}" },
    { "BASE16NUM", "[+-]?(?:0x)?[0-9A-Fa-f]+" },
    { "BASE16FLOAT", "[+-]?(?:0x)?(?:[0-9A-Fa-f]+(?:\\.[0-9A-Fa-f]*)?|\\.[0-9A-Fa-f]+)\\b" },
    { "BOOL", "\\b(?:true|false)\\b" },
    { "QUOTEDSTRING", "\"(?:[^\"\\\\]|\\\\.)*\"|'(?:[^'\\\\]|\\\\.)*'|`(?:[^`\\\\]|\\\\.)*`" },
    { "QS", "%{QUOTEDSTRING}" },
    { "UUID", "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}" },
    { "URN", "urn:[0-9A-Za-z][0-9A-Za-z-]{0,31}:(?:%[0-9A-Fa-f]{2}|[0-9A-Za-z()+,.:=@;$_!*'/?#-])+" },
    /* people and machines */
    { "USERNAME", "[a-zA-Z0-9._-]+" },
    { "USER", "%{USERNAME}" },
    { "EMAILLOCALPART", "[a-zA-Z0-9!#$%&'*+/=?^_{|}~-]+(?:\\.[a-zA-Z0-9!#$%&'*+/=?^_{|}~-]+)*" },
    { "EMAILADDRESS", "%{EMAILLOCALPART}@%{HOSTNAME}" },
    { "CISCOMAC", "(?:[A-Fa-f0-9]{4}\\.){2}[A-Fa-f0-9]{4}" },
    { "WINDOWSMAC", "(?:[A-Fa-f0-9]{2}-){5}[A-Fa-f0-9]{2}" },
    { "COMMONMAC", "(?:[A-Fa-f0-9]{2}:){5}[A-Fa-f0-9]{2}" },
    { "MAC", "%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC}" },
    { "IPV4", "\\b(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)\\b" },
    { "IPV6", "(?:" H4 ":){7}" H4 "|(?:" H4 ":){1,6}(?::" H4 "){1,6}|(?:" H4 ":){1,7}:|:(?::" H4 "){1,7}|"
              "::(?:[Ff]{4}:)?(?:\\d{1,3}\\.){3}\\d{1,3}|::" },
    { "IP", "%{IPV6}|%{IPV4}" },
    { "HOSTNAME", "\\b[0-9A-Za-z][0-9A-Za-z-]{0,62}(?:\\.[0-9A-Za-z][0-9A-Za-z-]{0,62})*\\.?\\b" },
    { "IPORHOST", "%{IP}|%{HOSTNAME}" },
    { "HOSTPORT", "%{IPORHOST}:%{POSINT}" },
    /* paths and URIs */
    { "UNIXPATH", "(?:/[\\w_%!$@:.,+~-]*)+" },
    { "WINPATH", "(?:[A-Za-z]:|\\\\)(?:\\\\[^\\\\?*]*)+" },
    { "PATH", "%{UNIXPATH}|%{WINPATH}" },
    { "TTY", "/dev/(?:pts|tty(?:[pq])?)(?:\\w+)?/?(?:[0-9]+)?" },
    { "URIPROTO", "[A-Za-z](?:[A-Za-z0-9+.-]+)+" },
    { "URIHOST", "%{IPORHOST}(?::%{POSINT})?" },
    { "URIPATH", "(?:/[A-Za-z0-9$.+!*'(){},~:;=@#%&_-]*)+" },
    { "URIQUERY", "[A-Za-z0-9$.+!*'|(){},~@#%&/=:;_?\\[\\]<>-]*" },
    { "URIPARAM", "\\?%{URIQUERY}" },
    { "URIPATHPARAM", "%{URIPATH}(?:\\?%{URIQUERY})?" },
    { "URI", "%{URIPROTO}://(?:%{USER}(?::[^@]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:\\?%{URIQUERY})?)?" },
    /* times */
    { "MONTH", "\\b(?:[Jj]an(?:uary)?|[Ff]eb(?:ruary)?|[Mm]ar(?:ch)?|[Aa]pr(?:il)?|[Mm]ay|[Jj]une?|[Jj]uly?|"
               "[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo]ct(?:ober)?|[Nn]ov(?:ember)?|[Dd]ec(?:ember)?)\\b" },
    { "MONTHNUM", "0?[1-9]|1[0-2]" },
    { "MONTHNUM2", "0[1-9]|1[0-2]" },
    { "MONTHDAY", "0[1-9]|[12]\\d|3[01]|[1-9]" },
    { "DAY", "Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?" },
    { "YEAR", "(?:\\d\\d){1,2}" },
    { "HOUR", "2[0-3]|[01]?\\d" },
    { "MINUTE", "[0-5]\\d" },
    { "SECOND", "(?:[0-5]?\\d|60)(?:[:.,]\\d+)?" },
    { "TIME", "%{HOUR}:%{MINUTE}(?::%{SECOND})?" },
    { "DATE_US", "%{MONTHNUM}[/-]%{MONTHDAY}[/-]%{YEAR}" },
    { "DATE_EU", "%{MONTHDAY}[./-]%{MONTHNUM}[./-]%{YEAR}" },
    { "DATE", "%{DATE_US}|%{DATE_EU}" },
    { "DATESTAMP", "%{DATE}[- ]%{TIME}" },
    { "TZ", "[A-Z]{3}" },
    { "ISO8601_TIMEZONE", "Z|[+-]%{HOUR}(?::?%{MINUTE})" },
    { "ISO8601_SECOND", "%{SECOND}" },
    { "TIMESTAMP_ISO8601",
      "%{YEAR}-%{MONTHNUM}-%{MONTHDAY}[T ]%{HOUR}:?%{MINUTE}(?::?%{SECOND})?(?:%{ISO8601_TIMEZONE})?" },
    { "DATESTAMP_RFC822", "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}" },
    { "DATESTAMP_RFC2822", "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}" },
    { "DATESTAMP_OTHER", "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}" },
    { "DATESTAMP_EVENTLOG", "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}" },
    { "HTTPDATE", "%{MONTHDAY}/%{MONTH}/%{YEAR}:%{TIME} %{INT}" },
    { "SYSLOGTIMESTAMP", "%{MONTH} +%{MONTHDAY} %{TIME}" },
    /* logs */
    { "LOGLEVEL", "(?i:alert|trace|debug|notice|info(?:rmation)?|warn(?:ing)?|err(?:or)?|crit(?:ical)?|fatal|severe|"
                  "emerg(?:ency)?)" },
    { "PROG", "[!-Z\\\\^-~]+" },
    { "SYSLOGPROG", "%{PROG:process.name}(?:\\[%{POSINT:process.pid:int}\\])?" },
    { "SYSLOGHOST", "%{IPORHOST}" },
    { "SYSLOGFACILITY", "<%{NONNEGINT:log.syslog.facility.code:int}.%{NONNEGINT:log.syslog.priority:int}>" },
    { "SYSLOGBASE", "%{SYSLOGTIMESTAMP:timestamp} (?:%{SYSLOGFACILITY} )?%{SYSLOGHOST:host.name} %{SYSLOGPROG}:" },
    { "HTTPDUSER", "%{EMAILADDRESS}|%{USER}" },
    { "HTTPD_COMMONLOG",
      "%{IPORHOST:source.address} (?:-|%{HTTPDUSER:apache.access.user.identity}) (?:-|%{HTTPDUSER:user.name}) "
      "\\[%{HTTPDATE:timestamp}\\] \"(?:%{WORD:http.request.method} %{NOTSPACE:url.original}"
      "(?: HTTP/%{NUMBER:http.version})?|%{DATA})\" (?:-|%{INT:http.response.status_code:int}) "
      "(?:-|%{INT:http.response.body.size:int})" },
    { "HTTPD_COMBINEDLOG", "%{HTTPD_COMMONLOG} \"(?:-|%{DATA:http.request.referrer})\" "
                           "\"(?:-|%{DATA:user_agent.original})\"" },
    { "COMMONAPACHELOG", "%{HTTPD_COMMONLOG}" },
    { "COMBINEDAPACHELOG", "%{HTTPD_COMBINEDLOG}" },
    { "ELB_URIHOST", "%{IPORHOST:url.domain}(?::%{POSINT:url.port:int})?" },
    { "ELB_URIPATHQUERY", "%{URIPATH:url.path}(?:\\?%{URIQUERY:url.query})?" },
    { "ELB_URI", "%{URIPROTO:url.scheme}://(?:%{USER:url.username}(?::[^@]*)?@)?(?:%{ELB_URIHOST})?"
                 "(?:%{ELB_URIPATHQUERY})?" },
    { 0 },
};
