// SPDX-License-Identifier: Apache-2.0

// What Go's regexp makes of patterns: go run make.go >expected.tsv
// Each line: the pattern; a subject; "refused", "-" (no match), or where the match and its groups begin and end.
// Pattern and subject are quoted as strings of C.
package main

import (
	"bufio"
	"fmt"
	"math/rand"
	"os"
	"regexp"
	"strings"
)

var patterns = []string{
	`[\w-.]`, `[\w-\.]`, `[\w-/]`, `[\w-:]`, `[a-z\d-_]`, `[[:alnum:]-_]`, `[\pL-_]`, `^[\s-,]$`, `^[^\s-/]+`, `[\S-^&]`,
	`^(?P<svc>[\w-.]+)/(?P<method>\w+)$`, `^(?P<first>[^\s-/]+)`, `[-a]`, `[a-]`, `[^-a]`, `[a\-z]`, `[a-\d]`, `[\d-a]`, `[z-a]`,
	`[--/]`, `[+--]`, `[\--a]`, `[]-a]`, `[^]a]`, `[a-c-e]`, `[[:word:]-]`, `[[:foo:]]`, `[[.a.]]`, `[a[:digit:]b]`, `[[a]`,
	`[\Q]`, `[\x41-\x43]`, `[\x{e9}]`, `[\b]`, `[\pN-\pL]`, `[\p{Greek}-a]`, `[^\D]`, `[^\W_]`, `[\v]`, `[\s\v]`, `[\n-\r]`,
	`\s`, `\S`, `\v`, `\d`, `\w`, `\b\w`, `\B.`, `^\b`, `\b?`, `^*`, `$+`, `(?:^)*`, `c$`, `(?m)c$`, `(?m)^c`, `a.c`, `(?s)a.c`,
	`a**`, `a*+`, `a*?`, `a??`, `a{2}`, `a{2,}`, `a{2,3}?$`, `a{,2}`, `a{1001}`, `a{3,2}`, `a{1000}`, `(a{10}){10}`, `{`, `}`, `]`, `a{`, `a{1`,
	`(?P<a>x)|(?<b>y)`, `(?<a>x)(?P<a>y)`, `(?P<>a)`, `(?P<a-b>x)`, `(?P=a)`, `(?<=a)b`, `(?<!a)b`, `(?=a)`, `(?!a)`, `(?>a)`, `(?#c)`, `(?x)a`,
	`(?i)É`, `(?i)k`, `(?i)ſ`, `(?i:A)b`, `(?i)[A-C]+`, `(?U)a+`, `(?U)a+?`, `(?-i)a`, `(?i-s)A.`, `(?im)^A`, `(?)`, `(?i)(?-i)A`,
	`\Qa.b\E+`, `\Qa.b`, `\Q(?<x>\E`, `\Q[\Ea`, `\\Qa`, `\(?<a>`, `[(?<a>]`, `\101\x42\x{43}`, `\08`, `\8`, `(a)\1`, `\C`, `\Ca`, `[\C]`, `\X`, `\R`, `\G`, `\Z`, `\z`, `\A`, `\h`, `\K`, `\e`,
	`\a\f\t\n\r`, `\_\-`, `\é`, `\pL`, `\PL`, `\p{L}`, `\p{^L}`, `\p{Foo}`, `\p{N`, `\pÉ`, `(`, `)`, `()`, `(|a)`, `|`, `a||b`, `(a|b)*`, `((a)|(b))*`, `(a*)*`, `(a*)+b`,
	`x*`, `^$`, ``, `a\`, `\x4`, `\x{110000}`, `\x{}`, `.`, `(?s).`, `.*`, `(.*)-(.*)`, `(.*?)-(.*)`, `(\w+)\s(\w+)`, `^(\d+)\.(\d+)(?:\.(\d+))?$`,
	`(foo|foobar)(bar|)`, `^/api/(?P<ver>v\d+)/(?P<what>\w+)`, `((((((((((a))))))))))`, `[^a]`, `[^\n]`, `é+`, `[é-ü]`, `日本`, `^.{2}$`,
}

var subjects = []string{
	"", "a", "b", "c", "-", ".", "/", ",", "$", "+", "_", "^", "&", " ", "\t", "\n", "\v", "]", "[", "k", "K", "\u212a", "s", "é", "É", "ü", "日本",
	"pay.v1/x", "pay-gw.v1/Charge", "a-b", "a b", "abc", "abc\n", "c\nd", "a\nc", "aXc", "aa", "aaa", "aaab", "x", "y", "xy", "foobar", "1.2", "1.2.3",
	"/api/v1/carts", "ABC", "a.b", "a.bb", "(?<x>", "[a", "x{,5}", "a{1", "{", "}", "8", "0", "λa", "aab", "bab", "ab_]",
}

func generated(r *rand.Rand) string {
	atoms := []string{"a", "b", ".", "-", `\d`, `\w`, `\s`, `\S`, `\W`, "[a-c]", `[\w-]`, `[\s-.]`, "[^a]", `[-\d]`, "^", "$", `\b`, "(a)", "(?:b|c)", "(?P<n>.)", "é", `\.`, "/", "_"}
	var b strings.Builder
	named := false
	for n := 1 + r.Intn(5); n > 0; n-- {
		a := atoms[r.Intn(len(atoms))]
		if strings.Contains(a, "?P<") {
			if named {
				continue
			}
			named = true
		}
		b.WriteString(a)
		if a != "^" && a != "$" && a != `\b` {
			b.WriteString([]string{"", "", "", "*", "+", "?", "*?", "{2}", "|"}[r.Intn(9)])
		}
	}
	return b.String()
}

func quoted(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '\\' {
			fmt.Fprintf(&b, "\\x%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	r := rand.New(rand.NewSource(1))
	all := patterns
	for i := 0; i < 800; i++ {
		all = append(all, generated(r))
	}
	for i, p := range all {
		re, err := regexp.Compile(p)
		if err != nil {
			fmt.Fprintf(out, "%s\t\trefused\n", quoted(p))
			continue
		}
		for k, s := range subjects {
			if i >= 12 && (i+k)%map[bool]int{true: 24, false: 3}[i >= len(patterns)] != 0 {
				continue
			}
			found := "-"
			if m := re.FindStringSubmatchIndex(s); m != nil {
				found = strings.Trim(fmt.Sprint(m), "[]")
			}
			fmt.Fprintf(out, "%s\t%s\t%s\n", quoted(p), quoted(s), found)
		}
	}
}
