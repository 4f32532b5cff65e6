// SPDX-License-Identifier: BSD-3-Clause

// The requests on stdin, one a line (see clients.py), with Go's net/http. Says each status.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		body, _ := base64.StdEncoding.DecodeString(fields[2])
		request, err := http.NewRequest(fields[0], fields[1], bytes.NewReader(body))
		if err != nil {
			log.Fatal(err)
		}
		for at := 3; at+1 < len(fields); at += 2 {
			request.Header.Set(fields[at], fields[at+1])
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		fmt.Println(answer.StatusCode)
	}
}
