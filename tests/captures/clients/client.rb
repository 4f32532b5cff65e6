# SPDX-License-Identifier: BSD-3-Clause
# The requests on stdin, one a line (see clients.py), with Ruby's net/http, on one connection. Says each status.
require "base64"
require "net/http"

connection = nil
$stdin.each_line(chomp: true) do |line|
  method, url, body, *fields = line.split("\t", -1)
  uri = URI(url)
  connection ||= Net::HTTP.start(uri.host, uri.port)
  request = Net::HTTP.const_get(method.capitalize).new(uri)
  fields.each_slice(2) { |name, value| request[name] = value }
  request.body = Base64.decode64(body) unless body.empty?
  puts connection.request(request).code
end
connection&.finish
