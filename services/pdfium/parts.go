package pdfium

import (
	"strconv"

	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
)

func (s *session) readAttachments() error {
	count, err := s.pdfium.FPDFDoc_GetAttachmentCount(&requests.FPDFDoc_GetAttachmentCount{Document: s.doc})
	if err != nil {
		return err
	}
	if count.AttachmentCount > s.want.Limits.Entries {
		s.cut("attachments")
	}
	total := 0
	for i := range min(count.AttachmentCount, s.want.Limits.Entries) {
		a, err := s.readAttachment(i)
		if err != nil {
			if trapped(err) {
				return err
			}
			s.fault("attachment "+strconv.Itoa(i), err)
			continue
		}
		if a.Size > s.want.Limits.Attachment || total+a.Size > s.want.Limits.Attachments {
			a.Content, a.Size = nil, 0
			s.cut("attachments")
		}
		total += a.Size
		s.report.Attachments = append(s.report.Attachments, a)
	}
	return nil
}

func (s *session) readAttachment(i int) (Attachment, error) {
	got, err := s.pdfium.FPDFDoc_GetAttachment(&requests.FPDFDoc_GetAttachment{Document: s.doc, Index: i})
	if err != nil {
		return Attachment{}, err
	}
	ref := got.Attachment
	var a Attachment
	name, err := s.pdfium.FPDFAttachment_GetName(&requests.FPDFAttachment_GetName{Attachment: ref})
	if err == nil {
		a.Name = clip(name.Name, 1024)
	} else if trapped(err) {
		return a, err
	}
	subtype, err := s.pdfium.FPDFAttachment_GetSubtype(&requests.FPDFAttachment_GetSubtype{Attachment: ref})
	if err == nil && subtype.Subtype != nil {
		a.Subtype = clip(*subtype.Subtype, 256)
	} else if err != nil && trapped(err) {
		return a, err
	}
	file, err := s.pdfium.FPDFAttachment_GetFile(&requests.FPDFAttachment_GetFile{Attachment: ref})
	if err != nil {
		if trapped(err) {
			return a, err
		}
		s.fault("attachment "+strconv.Itoa(i), err) // it is there, without its bytes
		return a, nil
	}
	a.Content, a.Size = file.Contents, len(file.Contents)
	return a, nil
}

func (s *session) readScripts() error {
	count, err := s.pdfium.FPDFDoc_GetJavaScriptActionCount(
		&requests.FPDFDoc_GetJavaScriptActionCount{Document: s.doc})
	if err != nil {
		return err
	}
	if count.JavaScriptActionCount > s.want.Limits.Entries {
		s.cut("scripts")
	}
	for i := range min(count.JavaScriptActionCount, s.want.Limits.Entries) {
		script, err := s.readScript(i)
		if err != nil && trapped(err) {
			return err
		}
		s.report.Scripts = append(s.report.Scripts, script) // it is there even if it cannot be read
	}
	return nil
}

func (s *session) readScript(i int) (Script, error) {
	action, err := s.pdfium.FPDFDoc_GetJavaScriptAction(
		&requests.FPDFDoc_GetJavaScriptAction{Document: s.doc, Index: i})
	if err != nil {
		return Script{}, err
	}
	defer func() {
		_, _ = s.pdfium.FPDFDoc_CloseJavaScriptAction( // the instance goes with the file
			&requests.FPDFDoc_CloseJavaScriptAction{JavaScriptAction: action.JavaScriptAction})
	}()
	name, err := s.pdfium.FPDFJavaScriptAction_GetName(
		&requests.FPDFJavaScriptAction_GetName{JavaScriptAction: action.JavaScriptAction})
	if err != nil {
		return Script{}, err
	}
	source, err := s.pdfium.FPDFJavaScriptAction_GetScript(
		&requests.FPDFJavaScriptAction_GetScript{JavaScriptAction: action.JavaScriptAction})
	if err != nil {
		return Script{}, err
	}
	return Script{Name: clip(name.Name, 256), Source: clip(source.Script, 4<<10)}, nil
}

func (s *session) readSignatures() error {
	count, err := s.pdfium.FPDF_GetSignatureCount(&requests.FPDF_GetSignatureCount{Document: s.doc})
	if err != nil {
		return err
	}
	limit := min(s.want.Limits.Entries, 1000)
	if count.Count > limit {
		s.cut("signatures")
	}
	total := 0
	for i := range min(count.Count, limit) {
		signature, err := s.readSignature(i)
		if err != nil {
			if trapped(err) {
				return err
			}
			s.fault("signature "+strconv.Itoa(i), err)
		}
		if len(signature.Contents) == 0 && len(signature.ByteRange) == 0 {
			continue // a field that nobody has signed
		}
		if total += len(signature.Contents); total > 16<<20 {
			signature.Contents = nil
			s.cut("signatures")
		}
		s.report.Signatures = append(s.report.Signatures, signature)
	}
	return nil
}

func (s *session) readSignature(i int) (Signature, error) {
	object, err := s.pdfium.FPDF_GetSignatureObject(&requests.FPDF_GetSignatureObject{Document: s.doc, Index: i})
	if err != nil {
		return Signature{}, err
	}
	ref := object.Signature
	var out Signature
	contents, err := s.pdfium.FPDFSignatureObj_GetContents(&requests.FPDFSignatureObj_GetContents{Signature: ref})
	if err != nil {
		return out, err
	}
	out.Contents = contents.Contents
	ranges, err := s.pdfium.FPDFSignatureObj_GetByteRange(&requests.FPDFSignatureObj_GetByteRange{Signature: ref})
	if err != nil {
		return out, err
	}
	out.ByteRange = ranges.ByteRange[:min(len(ranges.ByteRange), 1024)]
	filter, err := s.pdfium.FPDFSignatureObj_GetSubFilter(&requests.FPDFSignatureObj_GetSubFilter{Signature: ref})
	if err == nil && filter.SubFilter != nil {
		out.SubFilter = clip(*filter.SubFilter, 128)
	}
	reason, err := s.pdfium.FPDFSignatureObj_GetReason(&requests.FPDFSignatureObj_GetReason{Signature: ref})
	if err == nil && reason.Reason != nil {
		out.Reason = clip(*reason.Reason, 256)
	}
	signed, err := s.pdfium.FPDFSignatureObj_GetTime(&requests.FPDFSignatureObj_GetTime{Signature: ref})
	if err == nil && signed.Time != nil {
		out.Time = clip(*signed.Time, 64)
	}
	return out, nil
}

// maxOutlineDepth and the limit on entries end an outline that has a cycle.
const maxOutlineDepth = 32

func (s *session) readOutline() error {
	return s.readBookmarks(nil, 0)
}

func (s *session) readBookmarks(parent *references.FPDF_BOOKMARK, level int) error {
	first, err := s.pdfium.FPDFBookmark_GetFirstChild(
		&requests.FPDFBookmark_GetFirstChild{Document: s.doc, Bookmark: parent})
	if err != nil {
		return err
	}
	for mark := first.Bookmark; mark != nil; {
		if len(s.report.Outline) >= s.want.Limits.Entries || level >= maxOutlineDepth {
			s.cut("outline")
			return nil
		}
		title, err := s.pdfium.FPDFBookmark_GetTitle(&requests.FPDFBookmark_GetTitle{Bookmark: *mark})
		if err != nil {
			return err
		}
		s.report.Outline = append(s.report.Outline, OutlineItem{Title: clip(title.Title, 512), Level: level})
		if err := s.readBookmarks(mark, level+1); err != nil {
			return err
		}
		next, err := s.pdfium.FPDFBookmark_GetNextSibling(
			&requests.FPDFBookmark_GetNextSibling{Document: s.doc, Bookmark: *mark})
		if err != nil {
			return err
		}
		mark = next.Bookmark
	}
	return nil
}
