package pdfium

import (
	"bytes"
	"fmt"
	"image/png"
	"slices"
	"strconv"

	"github.com/klippa-app/go-pdfium/enums"
	"github.com/klippa-app/go-pdfium/references"
	"github.com/klippa-app/go-pdfium/requests"
	"github.com/klippa-app/go-pdfium/structs"
)

// readPages goes through the pages once and does everything with a page while
// it is loaded.
func (s *session) readPages() error {
	form, err := s.openForm()
	if err != nil {
		return err
	}
	last := s.report.Pages
	if !s.want.Text && !s.want.Forms {
		last = min(last, slices.Max(s.want.Pictures)+1)
	}
	left := s.want.Limits.Text
	for i := range last {
		steps := []struct {
			wanted bool
			do     func() error
		}{
			{s.want.Text, func() error { return s.readText(i, &left) }},
			{form != nil, func() error { return s.readWidgets(i, *form) }},
			{slices.Contains(s.want.Pictures, i), func() error { return s.draw(i) }},
		}
		for _, step := range steps {
			if !step.wanted {
				continue
			}
			if err := step.do(); err != nil {
				if trapped(err) {
					return fmt.Errorf("page %d: %w", i+1, err)
				}
				s.fault("page "+strconv.Itoa(i+1), err)
			}
		}
	}
	return nil
}

func (s *session) readText(i int, left *int) error {
	page := PageText{}
	defer func() { s.report.PageTexts = append(s.report.PageTexts, page) }()
	size, err := s.pdfium.GetPageSize(&requests.GetPageSize{Page: s.page(i)})
	if err != nil {
		return err
	}
	page.Width, page.Height = finite(size.Width), finite(size.Height)
	if *left <= 0 {
		s.cut("text")
		return nil
	}
	if s.want.Runs {
		if page.Runs, err = s.readRuns(i, left); err != nil {
			return err
		}
	}
	loaded, err := s.pdfium.FPDFText_LoadPage(&requests.FPDFText_LoadPage{Page: s.page(i)})
	if err != nil {
		return err
	}
	defer func() {
		_, _ = s.pdfium.FPDFText_ClosePage(&requests.FPDFText_ClosePage{TextPage: loaded.TextPage}) // freed with the instance anyway
	}()
	count, err := s.pdfium.FPDFText_CountChars(&requests.FPDFText_CountChars{TextPage: loaded.TextPage})
	if err != nil || count.Count <= 0 {
		return err
	}
	if count.Count > *left {
		s.cut("text")
	}
	text, err := s.pdfium.FPDFText_GetText(&requests.FPDFText_GetText{
		TextPage: loaded.TextPage, StartIndex: 0, Count: min(count.Count, *left),
	})
	if err != nil {
		return err
	}
	page.Text = clip(text.Text, *left)
	*left -= len(page.Text)
	return nil
}

func (s *session) readRuns(i int, left *int) ([]Run, error) {
	structured, err := s.pdfium.GetPageTextStructured(&requests.GetPageTextStructured{
		Page: s.page(i), Mode: requests.GetPageTextStructuredModeRects,
	})
	if err != nil {
		return nil, err
	}
	runs := make([]Run, 0, len(structured.Rects))
	for _, rect := range structured.Rects {
		run := Run{
			Text: clip(rect.Text, 4<<10),
			Left: finite(rect.PointPosition.Left), Top: finite(rect.PointPosition.Top),
			Right: finite(rect.PointPosition.Right), Bottom: finite(rect.PointPosition.Bottom),
		}
		if *left -= len(run.Text) + 64; *left < 0 {
			s.cut("text")
			break
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// finite returns f, or 0 if JSON has no form for it.
func finite(f float64) float64 {
	if f != f || f > 1e300 || f < -1e300 {
		return 0
	}
	return f
}

// openForm returns the form of the document, or nil if it is not wanted.
func (s *session) openForm() (*references.FPDF_FORMHANDLE, error) {
	if !s.want.Forms {
		return nil, nil //nolint:nilnil // no form and no error
	}
	env, err := s.pdfium.FPDFDOC_InitFormFillEnvironment(&requests.FPDFDOC_InitFormFillEnvironment{
		Document: s.doc,
		FormFillInfo: structs.FPDF_FORMFILLINFO{
			FFI_Invalidate:         func(references.FPDF_PAGE, float64, float64, float64, float64) {},
			FFI_SetCursor:          func(enums.FXCT) {},
			FFI_SetTimer:           func(int, func(int)) int { return 0 },
			FFI_KillTimer:          func(int) {},
			FFI_GetLocalTime:       func() structs.FPDF_SYSTEMTIME { return structs.FPDF_SYSTEMTIME{} },
			FFI_GetPage:            func(references.FPDF_DOCUMENT, int) *references.FPDF_PAGE { return nil },
			FFI_GetRotation:        func(references.FPDF_PAGE) enums.FPDF_PAGE_ROTATION { return 0 },
			FFI_ExecuteNamedAction: func(string) {},
		},
	})
	if err != nil {
		if trapped(err) {
			return nil, err
		}
		s.fault("fields", err)
		return nil, nil //nolint:nilnil // a document whose form cannot be opened still has text
	}
	return &env.FormHandle, nil
}

// draw adds the picture of page i, with its forms and annotations.
func (s *session) draw(i int) error {
	drawn, err := s.pdfium.RenderPageInPixels(&requests.RenderPageInPixels{
		Page: s.page(i), Width: s.want.Side, Height: s.want.Side,
		RenderFlags: enums.FPDF_RENDER_FLAG_ANNOT,
	})
	if err != nil {
		return err
	}
	defer drawn.Cleanup()
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, drawn.Result.RenderedImage); err != nil {
		return err
	}
	s.report.Pictures = append(s.report.Pictures, Picture{
		Page: i, Width: drawn.Result.Width, Height: drawn.Result.Height, Size: out.Len(), PNG: out.Bytes(),
	})
	return nil
}
