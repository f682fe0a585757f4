package location

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/docsaga/docsaga/services/runner"
)

// S3 is a storage that speaks the S3 protocol. Its endpoint comes from the
// configuration, so it may be on a private network.
type S3 struct {
	Endpoint  string // host, or host:port
	Plain     bool   // http instead of https
	Region    string // default us-east-1
	AccessKey string // empty: anonymous
	SecretKey string
	Buckets   []string // if any, only these
	Timeouts  Timeouts
}

// s3 reads objects.
type s3 struct {
	conf   S3
	client minio.Core
}

func newS3(conf S3) (*s3, error) {
	if conf.Region == "" {
		conf.Region = "us-east-1"
	}
	if err := conf.Timeouts.fill(); err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                  nil,
		TLSHandshakeTimeout:    conf.Timeouts.Connect,
		ResponseHeaderTimeout:  conf.Timeouts.Idle,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		DisableCompression:     true,
	}
	client, err := minio.NewCore(conf.Endpoint, &minio.Options{
		Creds:        credentials.NewStaticV4(conf.AccessKey, conf.SecretKey, ""),
		Secure:       !conf.Plain,
		Region:       conf.Region,
		Transport:    transport,
		MaxRetries:   1, // the runner tries again
		BucketLookup: minio.BucketLookupAuto,
	})
	if err != nil {
		return nil, fmt.Errorf("location: S3 at %q: %w", conf.Endpoint, err)
	}
	return &s3{conf: conf, client: *client}, nil
}

func (s *s3) open(ctx context.Context, _ runner.Visit, location string) (found, error) {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || len(u.Path) < 2 || u.User != nil || u.Fragment != "" {
		return found{}, runner.Reject(ReasonNotAllowed, "the location is not s3://bucket/key")
	}
	bucket, key := u.Host, strings.TrimPrefix(u.Path, "/")
	if len(s.conf.Buckets) > 0 && !slices.Contains(s.conf.Buckets, bucket) {
		return found{}, runner.Reject(ReasonNotAllowed, "the bucket is not one of those that are allowed")
	}
	which, err := versionOf(u)
	if err != nil {
		return found{}, err
	}
	fetch := newFetch(ctx, s.conf.Timeouts)
	body, info, _, err := s.client.GetObject(fetch.ctx, bucket, key, which) //nolint:contextcheck // it inherits from ctx by newFetch
	if err != nil {
		err = because(fetch.ctx, err) //nolint:contextcheck // as above
		fetch.end()
		return found{}, s3Error(err)
	}
	return found{body: fetch.patient(body), name: path.Base(key), size: info.Size}, nil
}

// versionOf returns which version of an object a location names. What else its
// query may ask for is refused, and not fetched as if it were not there.
func versionOf(u *url.URL) (minio.GetObjectOptions, error) {
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return minio.GetObjectOptions{}, runner.Reject(ReasonNotAllowed, "the query of the location cannot be read")
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if name != "versionId" || len(query[name]) != 1 {
			return minio.GetObjectOptions{}, runner.Reject(ReasonNotAllowed, "the query of the location has %.40q, want one versionId or nothing", name)
		}
	}
	return minio.GetObjectOptions{VersionID: query.Get("versionId")}, nil
}

// s3Error sorts the answers of the storage into a no and what may pass.
func s3Error(err error) error {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return fmt.Errorf("location: read from S3: %w: %w", ErrUnreachable, bare(err))
	}
	switch answer.Code {
	case minio.NoSuchKey, minio.NoSuchBucket, minio.NoSuchVersion, "InvalidBucketName", "InvalidObjectName", "MethodNotAllowed":
		return runner.Reject(ReasonNotFound, "the storage has no such object")
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidObjectState":
		return runner.Reject(ReasonNotAllowed, "the storage does not give the object to us")
	}
	switch answer.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return runner.Reject(ReasonNotFound, "the storage has no such object")
	case http.StatusUnauthorized, http.StatusForbidden:
		return runner.Reject(ReasonNotAllowed, "the storage does not give the object to us")
	}
	return fmt.Errorf("location: read from S3: %w: status %d, code %s", ErrUnreachable, answer.StatusCode, answer.Code)
}

// bare takes the URL out of an error.
func bare(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}
