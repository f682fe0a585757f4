package samples

import (
	"bytes"
	"fmt"
)

// script is an action that runs JavaScript.
const script = `<< /S /JavaScript /JS (app.alert\("x"\);) >>`

// scripts are files with JavaScript in every place that can hold it.
func scripts() []Kind {
	in := func(name, entries string) Kind {
		return documented(name, func(d *Document) { d.Catalog = entries }, active())
	}
	onPage := func(name, entries string) Kind {
		return documented(name, func(d *Document) { d.Page = entries }, active())
	}
	field := "/AcroForm << /Fields [ << /T (f) /FT /Tx /Subtype /Widget /Rect [0 0 9 9] %s >> ] >>"
	return []Kind{
		in("js-after-goto", "/OpenAction << /S /GoTo /D [6 0 R /Fit] /Next [ << /S /Named /N /NextPage >> "+script+" ] >>"),
		onPage("js-annotation-aa", "/Annots [ << /Subtype /Widget /FT /Btn /T (b) /Rect [0 0 9 9] /AA << /E "+script+" >> >> ]"),
		onPage("js-annotation-action", "/Annots [ << /Subtype /Link /Rect [0 0 595 842] /A "+script+" >> ]"),
		in("js-catalog-aa", "/AA << /WC "+script+" /WS "+script+" >>"),
		in("js-field-calculate", fmt.Sprintf(field, "/AA << /C "+script+" >>")),
		in("js-field-format", fmt.Sprintf(field, "/AA << /F "+script+" /K "+script+" >>")),
		kind("js-in-attached-pdf", func() []byte { return holding("inner.pdf", "application/pdf", Builtin()[3].Content) }, active()),
		in("js-names", "/Names << /JavaScript << /Names [(a) "+script+"] >> >>"),
		in("js-names-tree", "/Names << /JavaScript << /Kids [ << /Limits [(a) (a)] /Names [(a) "+script+"] >> ] >> >>"),
		in("js-openaction", "/OpenAction "+script),
		in("js-outline", "/Outlines << /Type /Outlines /Count 1 /First << /Title (t) /A "+script+" >> >>"),
		onPage("js-page-aa", "/AA << /O "+script+" >>"),
		onPage("js-rendition", "/Annots [ << /Subtype /Screen /Rect [0 0 9 9] /A << /S /Rendition /JS (app.alert\\(1\\)) >> >> ]"),
		documented("js-stream", func(d *Document) {
			d.Catalog = "/OpenAction << /S /JavaScript /JS 5 0 R >>"
			d.objects = []object{flated("", []byte("app.alert(1)"))}
		}, active()),
	}
}

// disguises are files with JavaScript that is hidden, or only seems to be
// there.
func disguises() []Kind {
	in := func(name, entries string) Kind {
		return documented(name, func(d *Document) { d.Catalog = entries }, active())
	}
	// packed has its script in an object stream.
	packed := func(how Encryption, plain bool) func() []byte {
		return func() []byte {
			d := deliveryNote(1)
			d.Catalog, d.Encryption, d.objects = "/OpenAction 5 0 R", how, []object{obj("%s", script)}
			f := d.file()
			f.packed, f.plain = []int{1, 2, 3, 4, 5}, plain
			return f.bytes()
		}
	}
	return []Kind{
		documented("js-as-text", func(d *Document) {
			d.Pages = []string{"How to write /JavaScript /JS (app.alert) and /OpenAction in a PDF"}
			d.Title = "/JavaScript"
			d.Catalog = "/Lang (/S /JavaScript /JS)"
		}, ends(), active()),
		documented("js-encrypted-empty-password", func(d *Document) { d.Catalog, d.Encryption = "/OpenAction "+script, AES256 }, active()),
		kind("js-encrypted-object-stream", packed(AES128, false), active()),
		in("js-escaped-name", `/Open#41ction << /#53 /#4a#61#76#61#53#63#72#69#70#74 /#4A#53 (app.alert\(1\)) >>`),
		in("js-hexadecimal", "/OpenAction << /S /JavaScript /JS <6170702e616c657274283129> >>"),
		kind("js-in-update", func() []byte {
			return updated(deliveryNote(1).PDF(), 1, "<< /Type /Catalog /Pages 2 0 R /OpenAction "+script+" >>")
		}, active()),
		kind("js-object-stream", packed(Clear, false), active()),
		kind("js-object-stream-plain", packed(Clear, true), active()),
		kind("js-removed-by-update", func() []byte {
			d := deliveryNote(1)
			d.Catalog = "/OpenAction " + script
			return updated(d.PDF(), 1, "<< /Type /Catalog /Pages 2 0 R >>")
		}, active(), ends()),
		in("js-white-space", "/OpenAction\r<<\x00/S\x0c\t/JavaScript%comment\n/JS%\r(app.alert\\(1\\))>>"),
	}
}

// actions are files that act in other ways than by a script, or hold what
// does.
func actions() []Kind {
	does := func(name, action string, want Want, also ...Want) Kind {
		return documented(name, func(d *Document) { d.Catalog = "/OpenAction " + action }, want, also...)
	}
	link := func(name, action string, want Want) Kind {
		return documented(name, func(d *Document) { d.Page = "/Annots [ << /Subtype /Link /Rect [0 0 595 842] /A " + action + " >> ]" }, want)
	}
	return []Kind{
		does("action-goto", "<< /S /GoTo /D [6 0 R /Fit] >>", ends()),
		link("action-goto-embedded", "<< /S /GoToE /D [0 /Fit] /T << /R /C /N (a.pdf) >> >>", active()),
		link("action-goto-remote", `<< /S /GoToR /F (\\\\server\\share\\a.pdf) /D [0 /Fit] >>`, active()),
		does("action-hide", "<< /S /Hide /T (f) >>", ends(), active()),
		does("action-import-data", "<< /S /ImportData /F (a.fdf) >>", active()),
		does("action-launch", "<< /S /Launch /F (cmd.exe) >>", active()),
		link("action-launch-windows", "<< /S /Launch /Win << /F (cmd.exe) /P (/c calc) >> >>", active()),
		does("action-launch-escaped", "<< /S /L#61unch /F (/bin/sh) /NewWindow true >>", active()),
		does("action-ring", "<< /S /GoTo /D [6 0 R /Fit] /Next 1 0 R >>", ends(), unreadable(), active()),
		does("action-submit-form", "<< /S /SubmitForm /F << /FS /URL /F (https://example.com/) >> /Flags 4 >>", active()),
		link("action-uri", "<< /S /URI /URI (https://example.com/) >>", ends()),
		documented("form-xfa", func(d *Document) {
			d.Catalog = "/AcroForm << /Fields [] /XFA [(template) 5 0 R] >>"
			d.objects = []object{flated("", []byte(`<template xmlns="http://www.xfa.org/schema/xfa-template/3.3/"><subform><event activity="initialize"><script contentType="application/x-javascript">app.alert(1)</script></event></subform></template>`))}
		}, active()),
		documented("media-rich", func(d *Document) {
			d.Page = "/Annots [ << /Subtype /RichMedia /Rect [0 0 99 99] /RichMediaContent << /Assets << /Names [(a.swf) << /Type /Filespec /F (a.swf) /EF << /F 5 0 R >> >>] >> " +
				"/Configurations [ << /Subtype /Flash /Instances [ << /Subtype /Flash >> ] >> ] >> /RichMediaSettings << /Activation << /Condition /PO >> >> >> ]"
			d.objects = []object{stream("/Type /EmbeddedFile", []byte("FWS\x0a\x00\x00\x00\x00"))}
		}, active()),
		documented("media-3d-script", func(d *Document) {
			d.Page = "/Annots [ << /Subtype /3D /Rect [0 0 99 99] /3DD << /Type /3D /Subtype /U3D /OnInstantiate 5 0 R >> >> ]"
			d.objects = []object{stream("/Type /JS", []byte("host.app.alert(1)"))}
		}, ends(), active()),
	}
}

// holding returns a plain document with one file embedded in it.
func holding(name, mediaType string, content []byte) []byte {
	d := deliveryNote(1)
	d.Files = []File{{Name: name, MediaType: mediaType, Content: content}}
	return d.PDF()
}

// Eicar returns the test file of the European Institute for Computer Antivirus
// Research: harmless, and reported by every virus scanner. It is put together
// here, so that no scanner reports this source.
func Eicar() []byte {
	return []byte(`X5O!P%@AP[4\PZX54(P^)7CC)7}` + "$" + "EICAR" + "-STANDARD-" + "ANTIVIRUS" + "-TEST-FILE!" + "$H+H*")
}

// carried are files that carry other files.
func carried() []Kind {
	exe := append([]byte("MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00"), bytes.Repeat([]byte{0}, 100)...)
	with := func(name string, content func() []byte, want Want, also ...Want) Kind {
		return kind(name, content, want, also...)
	}
	refused := []Want{malware()} // some call a program that, some active content
	return []Kind{
		with("attached-elf", func() []byte {
			return holding("tool", "application/octet-stream", []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00"))
		}, active(), refused...),
		with("attached-exe", func() []byte { return holding("invoice.exe", "application/octet-stream", exe) }, active(), refused...),
		with("attached-exe-as-text", func() []byte { return holding("readme.txt", "text/plain", exe) }, active(), refused...),
		with("attached-pdf", func() []byte { return holding("inner.pdf", "application/pdf", deliveryNote(2).PDF()) }, ends()),
		with("attached-pdf-20-deep", func() []byte {
			b := deliveryNote(2).PDF()
			for range 20 {
				b = holding("inner.pdf", "application/pdf", b)
			}
			return b
		}, bomb(), ends(), active()),
		with("attached-shell-script", func() []byte { return holding("run.sh", "text/plain", []byte("#!/bin/sh\nrm -rf /\n")) }, active(), ends(), malware()),
		with("attached-strange-name", func() []byte { return holding("../../etc/\x1b[2J\u202efdp.exe", "text/plain", []byte("text")) }, ends(), active()),
		with("attached-zip", func() []byte { return holding("a.zip", "application/zip", zipped("a.txt", []byte("text"))) }, ends()),
		with("attached-zip-bomb", func() []byte { return holding("a.zip", "application/zip", zippedZeros("a.bin", 1024)) }, bomb(), ends()),
		with("eicar-appended", func() []byte { return append(deliveryNote(1).PDF(), Eicar()...) }, malware(), ends()),
		with("eicar-attached", func() []byte { return holding("eicar.com", "application/octet-stream", Eicar()) }, malware()),
		documented("eicar-attached-plain", func(d *Document) {
			d.objects = []object{stream("/Type /EmbeddedFile", Eicar())}
			d.Catalog = "/Names << /EmbeddedFiles << /Names [(a) << /Type /Filespec /F (a.com) /EF << /F 5 0 R >> >>] >> >>"
		}, malware()),
		documented("eicar-attached-by-annotation", func(d *Document) {
			d.objects = []object{flated("/Type /EmbeddedFile", Eicar())}
			d.Page = "/Annots [ << /Subtype /FileAttachment /Rect [0 0 9 9] /FS << /Type /Filespec /F (a.com) /EF << /F 5 0 R >> >> >> ]"
		}, malware()),
		documented("eicar-hexadecimal", func(d *Document) {
			d.objects = []object{stream("/Type /EmbeddedFile /Filter [/ASCIIHexDecode /FlateDecode]", fmt.Appendf(nil, "%X>", deflate(Eicar())))}
			d.Catalog = "/Names << /EmbeddedFiles << /Names [(a) << /Type /Filespec /F (a.com) /EF << /F 5 0 R >> >>] >> >>"
		}, malware()),
		with("eicar-in-attached-pdf", func() []byte {
			return holding("inner.pdf", "application/pdf", holding("eicar.com", "application/octet-stream", Eicar()))
		}, malware()),
		with("eicar-in-attached-zip", func() []byte { return holding("a.zip", "application/zip", zipped("eicar.com", Eicar())) }, malware(), ends()),
	}
}

// encrypted are files in every encryption, with and without a password.
func encrypted() []Kind {
	var kinds []Kind
	for _, e := range []struct {
		name string
		how  Encryption
	}{{"rc4-40", RC4x40}, {"rc4-128", RC4}, {"aes-128", AES128}, {"aes-256", AES256}} {
		kinds = append(kinds,
			documented("encrypted-"+e.name, func(d *Document) { d.Encryption, d.Password = e.how, "needed" }, locked()),
			documented("encrypted-"+e.name+"-open", func(d *Document) { d.Encryption = e.how }, ends()))
	}
	handler := func(name, dictionary string) Kind {
		return changed(name, func(f *file) { f.trailer += " /Encrypt " + dictionary }, locked(), unreadable())
	}
	return append(kinds,
		handler("encrypted-by-certificate", "<< /Filter /Adobe.PubSec /SubFilter /adbe.pkcs7.s4 /V 2 /Length 128 /Recipients [<30>] >>"),
		handler("encrypted-dictionary-cut", "<< /Filter /Standard /V 5 /R 6 /O <00> /U <00> /OE <> /UE <> /Perms <00> /P -4 >>"),
		handler("encrypted-dictionary-missing", "4711 0 R").or(ends()),
		handler("encrypted-unknown-handler", "<< /Filter /Acme.Rights /V 99 >>"),
		handler("encrypted-unknown-version", "<< /Filter /Standard /V 99 /R 99 /O <00> /U <00> /P -4 >>"),
		kind("encrypted-packed", func() []byte {
			d := deliveryNote(1)
			d.Encryption, d.Password = AES256, "needed"
			f := d.file()
			f.packed = []int{1, 2, 3, 4}
			return f.bytes()
		}, locked()),
	)
}
