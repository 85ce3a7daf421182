package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Fetchers bring a package into a folder and give its path. What they bring is checked by who calls them.

// secureClient is a client that speaks HTTPS and nothing else.
func secureClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone() // with the proxies that the environment names
	transport.ResponseHeaderTimeout = time.Minute
	return &http.Client{Transport: transport, CheckRedirect: onlySecure}
}

// onlySecure refuses redirects to what is not HTTPS.
func onlySecure(r *http.Request, via []*http.Request) error {
	switch {
	case r.URL.Scheme != "https":
		return fmt.Errorf("redirected to %s, which is not HTTPS", r.URL.Redacted())
	case len(via) >= 10:
		return errors.New("redirected too often")
	}
	return nil
}

// download gets an archive of the release.
func (in *installer) download(ctx context.Context, p pack, stage string) (_ string, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(in.stall, func() { cancel(fmt.Errorf("nothing has come for %v", in.stall)) })
	defer idle.Stop()
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = fmt.Errorf("%s: %w", p.name, cause)
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, in.release+p.name, nil)
	if err != nil {
		return "", err
	}
	response, err := in.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s%s: the server says %s", in.release, p.name, response.Status)
	}
	path := filepath.Join(stage, p.name)
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	body := in.meter(ctx, io.LimitReader(response.Body, p.size+1), p.size)
	tell := body.progress
	body.progress = func(done, total int64) {
		idle.Reset(in.stall)
		if tell != nil {
			tell(done, total)
		}
	}
	n, err := io.Copy(f, body)
	if err == nil && n != p.size {
		err = fmt.Errorf("%d of %d bytes have come", n, p.size)
		if n > p.size {
			err = fmt.Errorf("it has more than the %d bytes of the pinned one", p.size)
		}
	}
	if err != nil {
		return "", fmt.Errorf("%s%s: %w", in.release, p.name, err)
	}
	return path, nil
}

// npmPack has the npm client get the package, from the registry that it is set up for.
func (in *installer) npmPack(ctx context.Context, p pack, stage string) (string, error) {
	client, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("the npm client is not there: %w", err)
	}
	cmd := exec.CommandContext(ctx, client, "pack", "onnxruntime-node@"+Version, "--pack-destination", stage,
		"--ignore-scripts")
	cmd.Dir = stage
	cmd.WaitDelay = 5 * time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("npm pack: %w: %s", err, lastLines(output.String(), 5))
	}
	path := filepath.Join(stage, p.name)
	if err := isFile(path); err != nil {
		return "", fmt.Errorf("npm pack brought no package: %w", err)
	}
	return path, nil
}

// lastLines gives the end of a text, as one line.
func lastLines(text string, n int) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}
