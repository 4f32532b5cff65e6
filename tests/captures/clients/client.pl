# SPDX-License-Identifier: BSD-3-Clause
# The requests on stdin, one a line (see clients.py), with Perl's HTTP::Tiny, on one connection. Says each status.
use strict;
use warnings;
use HTTP::Tiny;
use MIME::Base64;

my $client = HTTP::Tiny->new(keep_alive => 1);
while (my $line = <STDIN>) {
    chomp $line;
    my ($method, $url, $body, %headers) = split /\t/, $line, -1;
    my %options = (headers => \%headers);
    $options{content} = decode_base64($body) if length $body;
    my $answer = $client->request($method, $url, \%options);
    print "$answer->{status}\n";
    warn $answer->{content} if $answer->{status} == 599;
}
