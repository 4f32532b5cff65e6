# SPDX-License-Identifier: BSD-3-Clause
"""What to break: each is one mistake that somebody could make, and that some test must notice.

`old` must stand exactly once in `file`, and is replaced by `new`. Where the code has moved, mend the text here: `run
--check`, which scripts/test calls, says which. A mutation that nothing notices wants a test, not a softer mutation.
"""
import collections

Mutation = collections.namedtuple("Mutation", "name what file old new asks")
MUTATIONS = []


def mutation(name, what, file, old, new, asks=None):
    """`asks`: the module whose unit tests are asked first, where it is not the file's own."""
    MUTATIONS.append(Mutation(name, what, file, old, new, asks))


# Frames.

mutation("ipv6-extension-missed", "IPv6 destination options are taken for a transport protocol",
         "app/packet/frame.c",
         "kind == 51 || kind == 60 || kind == 135", "kind == 51 || kind == 135")
mutation("ipv6-ah-length", "the authentication header's length is counted in eights like all others",
         "app/packet/frame.c",
         "length = 8 + (uint32_t)header[1] * 4;", "length = 8 + (uint32_t)header[1] * 8;")
mutation("snap-length-lost", "what the snap length cut off is not noticed",
         "app/packet/frame.c",
         "segment->payload_cut = on_wire - segment->payload_length;", "segment->payload_cut = 0;")
mutation("padding-is-payload", "Ethernet's padding behind an IPv4 packet is taken for payload",
         "app/packet/frame.c",
         "cursor->end = cursor->offset + total_length;", "")
mutation("vlan-id-keeps-priority", "the priority bits of a VLAN tag become part of the network's number",
         "app/packet/frame.c",
         "read_16(tag) & 0x0fff", "read_16(tag)")
mutation("wrong-outcome-booked", "a fragment is booked as a bad length",
         "app/packet/frame.c",
         "if (read_16(header + 6) & 0x3fff) /* more fragments, or an offset: RFC 791 section 3.1 */\n"
         "        return OUTCOME_IP_FRAGMENT;",
         "if (read_16(header + 6) & 0x3fff)\n        return OUTCOME_BAD_IP_LENGTH;")
mutation("hash-follows-direction", "the two directions of a connection have different hashes",
         "app/packet/plain.h",
         "uint64_t lower = one < other ? one : other,", "uint64_t lower = one,")

# Captures.

mutation("timestamp-resolution", "a pcap's nanoseconds are read as microseconds",
         "app/capture/pcap.c",
         "magic == PCAP_MAGIC_NANOSECONDS ? 1 : 1000", "1000")
mutation("pcapng-offset-lost", "an interface's time offset is ignored",
         "app/capture/pcapng.c",
         "interface->offset_s = (int64_t)read_64(bytes, swapped);", "")

# Filters on a device.

mutation("device-rule-ends-swapped", "a device's rule holds for an address at one end and a port at the other",
         "app/capture/device_rules.c",
         "*(end == END_SOURCE ? &rule->tcp_mask.hdr.src_port : &rule->tcp_mask.hdr.dst_port) = bits;",
         "*(end == END_SOURCE ? &rule->tcp_mask.hdr.dst_port : &rule->tcp_mask.hdr.src_port) = bits;", asks="ports")
mutation("device-exclusion-forgotten", "a device drops what is not included, and takes what is excluded",
         "app/capture/device_rules.c",
         "drops && i < filter->exclude.count;", "drops && filter->include.count == 0 && i < filter->exclude.count;",
         asks="ports")
mutation("device-drops-fragments", "a device may drop fragments of what is not included",
         "app/capture/device_rules.c",
         "rule->ipv4_mask.hdr.fragment_offset = RTE_BE16(IPV4_FRAGMENT_MASK);",
         "rule->ipv4_mask.hdr.fragment_offset = 0;", asks="ports")
mutation("device-rules-left-behind", "of rules one of which was refused the others stay",
         "app/capture/device_filter.c",
         "attempt->was_range = rule->has_range;\n            device_filter_release(filter, attempt->port_id);",
         "attempt->was_range = rule->has_range;", asks="ports")

# Flows.

mutation("established-evicted", "an active connection may be evicted for a new one",
         "app/flow/flow.c",
         "order[i].list == FLOW_ESTABLISHED ? table->options.idle_timeout_ms / 10 : 0;", "0;")
mutation("flow-of-the-burst-evicted", "a flow that an earlier packet of the burst uses is evicted for a later one",
         "app/flow/flow.c",
         "if (table->burst->flows[i] == flow)\n            return true;",
         "if (table->burst->flows[i] == flow)\n            return false;")
mutation("direction-swapped", "a flow found in the index has its two directions swapped",
         "app/flow/flow.c",
         "return (int)(swapped & ~straight) - (int)((straight | swapped) ^ 1);",
         "return (int)(straight & ~swapped) - (int)((straight | swapped) ^ 1);")
mutation("extra-leaked", "a connection that ends keeps what its directions held in the pool of extras",
         "app/flow/extras.c",
         "table->extras[direction->extra - 1].owner = table->free_extra;\n"
         "    table->free_extra = direction->extra;\n", "")

# Streams.

mutation("sequence-off-by-one", "a segment that begins one byte early is taken for one in order",
         "app/stream/stream.c",
         "if (ahead < 0) {\n        uint32_t behind", "if (ahead < -1) {\n        uint32_t behind")
mutation("sequence-wrap-missed", "sequence numbers are compared as numbers, not on a circle",
         "app/stream/held.h",
         "return (int32_t)(a - b);",
         "int64_t away = (int64_t)a - (int64_t)b;\n"
         "    return away > INT32_MAX ? INT32_MAX : away < INT32_MIN ? INT32_MIN : (int32_t)away;")
mutation("gap-dropped", "a hole that is given up leaves no mark: what lies on its two sides is joined",
         "app/stream/stream.c",
         "of->flags |= DIRECTION_AFTER_GAP;\n    (*count_event", "(*count_event")
mutation("straight-past-what-waits", "a segment goes the straight way while held data waits for it",
         "app/stream/pass.c",
         "extra->held_root != 0 || extra->fin_known ||", "extra->fin_known ||")
mutation("last-copy-counts", "a differing copy of held bytes is not noticed",
         "app/stream/held.c",
         "result.conflict = true;", "result.conflict = false;")
mutation("held-bytes-not-wiped", "held bytes are given to the pool before they are copied out",
         "app/stream/held.c",
         "memcpy(out + copied, here->data, used);\n        copied += used;\n        memset(here->data, 0, used);",
         "memset(here->data, 0, used);\n        memcpy(out + copied, here->data, used);\n        copied += used;")
mutation("reset-believed", "any reset ends a connection, whatever number it bears",
         "app/stream/control.c",
         "segment->sequence != of->next_sequence &&", "segment->sequence == of->next_sequence + 77 &&")
mutation("window-forgotten", "bytes far beyond the receiver's window are held",
         "app/stream/control.c",
         "sequence_distance(sequence, base) <= (int32_t)window_bytes(of);", "true;")
mutation("byte-booked-twice", "a retransmitted byte is booked as scanned too: the law of bytes is broken",
         "app/stream/stream.c",
         "    *count_bytes(stream, BYTES_RETRANSMITTED) += result.duplicate;",
         "    *count_bytes(stream, BYTES_RETRANSMITTED) += result.duplicate;\n"
         "    *count_bytes(stream, BYTES_SCANNED) += result.duplicate;")

# Requests.

mutation("context-from-the-body", "a line of a body is read as a header of the request",
         "app/http/request.c",
         """        if (whole && empty) {
            request->head_complete = true;
            break;
        }
""",
         """        if (whole && empty) {
            request->head_complete = true;
            continue;
        }
""")
mutation("host-of-the-last-header", "of two Host headers the last is shown",
         "app/http/request.c",
         """        if (request->host.bytes == NULL)
            request->host = value;""",
         "        request->host = value;")
mutation("query-shown", "the path keeps its query, which may hold a token",
         "app/http/request.c",
         "rest.bytes[length] != '?' && rest.bytes[length] != '#')\n        length++;\n    place->path",
         "rest.bytes[length] != '#')\n        length++;\n    place->path")
mutation("kept-chunk-leaked", "kept client bytes that are let go of do not come back to the pool",
         "app/http/kept.c",
         "    http->next_free[link - 1] = http->free_chunk;\n    http->free_chunk = link;\n",
         "    (void)http->free_chunk;\n")

# Tokens in the bytes.

mutation("capture-cancelled", "a later start cancels the captures that run",
         "app/scan/captures.c",
         "    make_room(scan, announced);",
         "    captures_cut(scan, scan->run->time_ns);\n    make_room(scan, announced);")
mutation("chunk-leaked", "the chunks of a capture that is dropped are not given back",
         "app/scan/captures.c",
         "    chunk_give_back(scan->options.chunks, capture->token.chain);\n    capture->token.chain = NULL;\n"
         "    capture->last_chunk = NULL;\n    capture->state = CAPTURE_OVER;\n}\n\n/* Hands",
         "    capture->token.chain = NULL;\n"
         "    capture->last_chunk = NULL;\n    capture->state = CAPTURE_OVER;\n}\n\n/* Hands")
mutation("database-swapped", "each direction is scanned for what the other one writes",
         "app/scan/scan.c",
         "server ? scan->options.databases->server : scan->options.databases->client",
         "server ? scan->options.databases->client : scan->options.databases->server")
mutation("capture-over-a-gap", "a capture goes on over a gap, as if nothing were missing",
         "app/scan/scan.c",
         "        captures_cut(scan, run->time_ns);\n        of->last[0] = of->last[1] = 0;\n", "")
mutation("prefix-lost-at-a-cut", "a token whose first bytes are the last of a segment is not found",
         "app/scan/scan.c",
         "of->last[1] = bytes[length - 1];", "of->last[1] = 0;")
mutation("prefix-hidden-by-what-it-breaks", "a prefix is taken for part of a token before its bytes were fed to that",
         "app/scan/scan.c",
         "if (prefix_was_announced(scan, position, end))", "if (prefix_is_covered(scan, position, end))")
mutation("percent-not-undone", "a dot written %2e does not end the header",
         "app/scan/escapes.c",
         "byte == '\\\\' : byte == '%' && capture->syntax != SYNTAX_CREDENTIALS;", "byte == '\\\\' : false;")
mutation("prefix-unknown", "a header that begins with a line feed is not looked for",
         "app/scan/placements.c",
         '{"Cns", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},',
         '{"Cnt", false, true, false, SYNTAX_BARE, PLACEMENT_OTHER, false, 3},')
mutation("cookie-is-a-header", "cookies are not told from other headers",
         "app/scan/locate.c",
         '        {"cookie", PLACEMENT_COOKIE},\n', "")

# What a token says.

mutation("base64-value", "the character 'z' has the value of 'y'",
         "app/token/base64url.c",
         "48, 49, 50, 51, XX,", "48, 49, 50, 50, XX,")
mutation("base64-tail", "of a last group of three characters one byte is read, not two",
         "app/token/base64url.c",
         "decoder.group << (6 * (4 - decoder.sextets)), decoder.sextets - 1",
         "decoder.group << (6 * (4 - decoder.sextets)), 1")
mutation("duplicate-member-hidden", "of several kids only the first is looked at",
         "app/token/jose.c",
         "        if (read_reference(iterator, word, &member, reference))\n            return true;\n    }\n    while",
         "        return read_reference(iterator, word, &member, reference);\n    }\n    while")
mutation("x5t-not-looked-up", "an x5t is not taken for a key's name",
         "app/token/jose.c",
         "    case HEADER_X5T:\n        return read_x5t(iterator, member, KEY_REFERENCE_X5T, reference);\n", "")
mutation("escape-in-a-name", "a member's name is compared without undoing its escapes",
         "app/token/jose.c",
         "memchr(member->name, '\\\\', member->name_length) == NULL", "true")
mutation("date-times-ten", "dates are read with one digit too many",
         "app/token/fields.c",
         "ptrdiff_t places = (ptrdiff_t)whole + exponent;", "ptrdiff_t places = (ptrdiff_t)whole + exponent + 1;")

# Keys and verdicts.

mutation("hex-kid-not-normalised", "a kid is compared as text only, never as the thumbprint that it spells",
         "app/verdict/names.h",
         "    if (length == 0)\n        return 1;\n    names[1]",
         "    if (length != 12345)\n        return 1;\n    names[1]")
mutation("thumbprint-order", "the members of an RFC 7638 thumbprint are in another order",
         "app/token/thumbprint.c",
         "for (int word = 0; word < JWK_WORDS; word++) {\n        if ((type",
         "for (int word = JWK_WORDS - 1; word >= 0; word--) {\n        if ((type")
mutation("issuer-does-not-narrow", "a plain kid counts for tokens of other issuers than its entry's",
         "app/verdict/verdict.c",
         "if (!narrowed || issuer != ISSUER_OTHER)", "if (issuer != (enum issuer_relation)77)")
mutation("stale-memory", "what was learnt of a header outlives a change of the key table",
         "app/verdict/memory.c",
         "    memset(memory->sets, 0, sizeof(memory->sets));\n    memset(memory->recent, 0, sizeof(memory->recent));\n", "")
mutation("memory-by-half-a-digest", "remembered headers are told apart by too few bits",
         "app/verdict/memory.c",
         "if (found.digest_high != digest.high || found.digest_low != (uint32_t)(digest.low >> 32) || "
         "found.flags == 0)",
         "if ((found.digest_high ^ digest.high) % 4 != 0 || found.flags == 0)")

# Alerts.

mutation("fold-count-lost", "the sightings of a fold that leaves at the end of its connection are not told",
         "app/alert/fold.c",
         "    if (fold->counted > 0)\n        leave(folds, fold);\n    LIST_REMOVE",
         "    if (fold->counted > 0)\n        window_remove(&folds->open[fold->key.worker], &fold->window);\n"
         "    LIST_REMOVE")
mutation("fold-window-off", "a window closes one nanosecond late",
         "app/alert/fold.c",
         "time_ns - fold->window.start_ns >= length_ns", "time_ns - fold->window.start_ns > length_ns")
mutation("fold-ignores-placement", "the same token in a cookie and in a header is folded into one",
         "app/alert/alert.c",
         "        .placement = record->placement,\n", "")
mutation("community-id-order", "the Community ID does not put the smaller end first",
         "app/alert/community_id.c",
         "order < 0 || (order == 0", "order > 0 || (order == 0")
mutation("event-id-forgets-time", "a connection's first packet's time is no part of the event's id",
         "app/alert/digest.c",
         "    add_number(&material, flow->first_time_ns, 8);\n", "")
mutation("token-in-the-alert", "a token in a path is written into the alert",
         "app/alert/wire_text.c",
         "if (hidden > 0 || (in_run && at == token_at)) {", "if (hidden > 12345 || (in_run && at == 12345)) {")
mutation("severity-of-the-first", "an alert has the severity of its first entry, not of the gravest",
         "app/verdict/verdict.c",
         "if (severity_of(entry) > conclusion->severity)", "if (conclusion->entries_count == 0)")
mutation("update-starts-late", "an update does not tell when the first of its sightings was",
         "app/alert/fold.c",
         "alert->start_ns = fold->first_ns;", "alert->start_ns = fold->last_ns;")

# The key table under its readers.

mutation("readers-not-waited-for", "the old edition of the table is freed while readers may hold its entries",
         "app/keys/retired.c",
         "queue->count > 0 && rte_rcu_qsbr_check(table->readers, queue->ring[queue->first].token, false) == 1",
         "queue->count > 0")
mutation("generation-not-raised", "what workers remember of headers outlives the table that it was learnt of",
         "app/keys/table.c",
         "    __atomic_add_fetch(&table->generation, 1, __ATOMIC_RELEASE);\n", "")
mutation("generation-not-raised-by-one", "what workers remember of headers outlives a key that was added or removed",
         "app/keys/changes.c",
         "    __atomic_add_fetch(&table->generation, 1, __ATOMIC_RELEASE);\n", "")
mutation("entry-freed-under-readers", "a key that is removed is freed while readers may hold it",
         "app/keys/added.c",
         "    table_retire(table, RETIRED_MEMORY, place->entry, 0);", "    free(place->entry);")
mutation("sleeper-stays-online", "a worker that waits for room holds up whoever changes the key table",
         "app/worker/outbox.c",
         "    key_table_reader_offline(outbox->keys, outbox->worker);\n    waiter_sleep(", "    waiter_sleep(")

# Workers, threads and what is between them.

mutation("law-broken", "a packet that is not TCP is received, but in no outcome",
         "app/worker/worker.c",
         "        live->outcomes[burst->outcomes[i]]++;\n",
         "        if (burst->outcomes[i] != OUTCOME_NOT_TCP)\n            live->outcomes[burst->outcomes[i]]++;\n")
mutation("counters-unsynchronised", "counters are copied out without the sequence lock",
         "app/base/counters.c",
         "if ((before & 1) == 0 && before == __atomic_load_n(&counters->sequence, __ATOMIC_RELAXED))",
         "if (before != 12345)", asks="base")
mutation("wake-up-lost", "a sleeper is not woken when it lies down at that moment",
         "app/base/waiter.c",
         "    __atomic_add_fetch(&waiter->ticket, 1, __ATOMIC_SEQ_CST);\n", "")
mutation("chunk-not-wiped", "a chunk goes back to the pool with the token's bytes in it",
         "app/base/chunk.c",
         "        memset(chain->data, 0, chain->length);\n", "", asks="scan")
mutation("record-without-its-token", "the chunks of a record are not given back when it was written",
         "app/worker/alert_side.c",
         "            chunk_give_back(pipeline->outboxes.chunks, records[j]);\n",
         "            if (records[j]->next == NULL)\n"
         "                chunk_give_back(pipeline->outboxes.chunks, records[j]);\n")
mutation("rest-left-in-the-stream", "what is held when the capture ends is not inspected",
         "app/worker/worker.c",
         "    stream_finish(worker->stream, flow);\n    inspect_runs(worker);\n", "")
mutation("spread-by-direction", "packets are spread over the workers without regard to their connection",
         "app/spread/spread.c",
         "unsigned worker = (unsigned)((burst->hashes[i] >> 32) * spread->workers >> 32);",
         "unsigned worker = i % spread->workers;")
mutation("exit-status", "--fail-on-alert does not change the exit status",
         "app/commands/read.c",
         "options->fail_on_alert && result->alerts.sightings > 0 ? EXIT_ALERTED : done", "done")
mutation("failed-file-status", "a capture that cannot be read is no failure where others can",
         "app/commands/read.c",
         "result->files.files_failed > 0 ? EXIT_FAILED : EXIT_DONE", "EXIT_DONE")
mutation("unfinished-lines", "lines still in the buffer at the end are not written",
         "app/alert/alert.c",
         "        live_finish(alerts->live);\n    return alerts_flush(alerts, error);",
         "        live_finish(alerts->live);\n    return 0;")

# Sinks, live.

mutation("sink-every-other-line", "a sink that is too slow loses every other line rather than a run of them",
         "app/alert/sink_queue.c",
         "    if (used(queue) > SINK_QUEUE_BYTES / 2)\n        return false;", "")
mutation("sink-owes-for-good", "each line behind a jam tells of it",
         "app/alert/sink_queue.c",
         "    queue->owed = 0;\n", "")
mutation("sink-forgets-what-it-owes", "no line tells of what was lost before it",
         "app/alert/sink_queue.c",
         "    queue->owed++;\n", "")
mutation("sink-line-goes-on-elsewhere", "a new file, or a FIFO's next reader, gets the second half of a line",
         "app/alert/sink_writer.c",
         "    writer->position = atomic_load_explicit(&writer->queue.tail, memory_order_relaxed);\n    sink_close(sink);",
         "    sink_close(sink);")
mutation("sink-cut-by-rotation", "a new file takes the old one's place in the middle of a line",
         "app/alert/sink_writer.c",
         "if (waits && (is_stuck || !is_within_a_line(writer)))", "if (waits && (is_stuck || true))")
mutation("sink-cut-line-stays", "a line that a full disk cut keeps a new file waiting",
         "app/alert/sink_writer.c",
         "if (waits && (is_stuck || !is_within_a_line(writer)))", "if (waits && !is_within_a_line(writer) && (is_stuck || true))")
mutation("sink-rotated-later", "alerts_reopen does not wait for the old file's last line",
         "app/alert/sink_writer.c",
         "while (writer->replacement.fd >= 0 && !writer->has_ended && wait_changed(writer, deadline))\n        ;\n"
         "    bool is_taken = writer->replacement.fd < 0 || writer->has_ended;",
         "bool is_taken = deadline > 0;")
mutation("sink-line-without-an-end", "what somebody left without an end is gone on with",
         "app/alert/sink_file.c",
         "    return last != '\\n';", "    return false;")
mutation("sink-not-drained", "at the end nobody is waited for",
         "app/alert/live.c",
         "end_all(live, DRAIN_NS)", "end_all(live, 0)")
mutation("sink-not-retried", "what failed once is never tried again",
         "app/alert/sink_writer.c",
         "if (!is_last && !is_told && monotonic_ns() < writer->retry_at_ns)", "if (!is_last && !is_told)")
mutation("sink-gone-is-no-failure", "nothing ends when the last sink is gone",
         "app/alert/live.c",
         "return gone == live->count ? -EPIPE : 0;", "return 0;")
mutation("sink-twice-the-same", "two sinks may be one file",
         "app/alert/sinks.c",
         "sinks[i].is_regular && sink_is_same_file", "false && sink_is_same_file")
mutation("sink-left-is-not-lost", "what nobody took to the end is not counted as lost",
         "app/alert/sink_writer.c",
         "        status->lost += left;", "        status->lost += 0;")

# What the configuration lets be left out.

mutation("head-has-a-body", "a body that begins like a response is left out, and with it what follows on a HEAD",
         "app/http/response.c",
         "if (version[++matched] == '\\0') {", "if (version[++matched] == '!') {")
mutation("two-lengths", "of two lengths that differ the last one counts",
         "app/http/response.c",
         "(frame->length_known && number != frame->content_length);", "false;")
mutation("both-framings", "chunks and a length together are taken for chunks",
         "app/http/response.c",
         "(frame->chunked && (frame->length_known || frame->old))", "(frame->chunked && frame->old)")
mutation("body-of-a-304", "a response without a body is taken to have one",
         "app/http/response.c",
         "frame->status == 204 || frame->status == 304", "frame->status == 204")
mutation("gap-past-a-body", "a gap that goes over a body's end is followed over",
         "app/http/response.c",
         "position <= frame->next || position > frame->body_end", "position <= frame->next")
mutation("trailers-left-out", "trailers are left out with the chunks",
         "app/http/response.c",
         "        taken = step_trailers(frame, bytes, length);\n        is_body = false;\n",
         "        taken = step_trailers(frame, bytes, length);\n")
mutation("policy-without-the-opening", "a SYN with an ACK is enough to pass for the server",
         "app/worker/leave_out.c",
         "(flow->opened & (2u >> direction)) != 0;", "true;")
mutation("scan-over-what-is-left-out", "the scan goes on behind a body as if nothing had been left out",
         "app/scan/scan.c",
         "    scan_cut(scan, flow, direction, time_ns);\n    of->flags &= (uint8_t)~DIRECTION_SCAN_OPEN;\n",
         "    scan_cut(scan, flow, direction, time_ns);\n")
mutation("filter-of-one-direction", "a filter looks at where a packet goes, not where it comes from",
         "app/packet/filter.c",
         " ||\n            has_end(rule, endpoints->source, endpoints->source_port, endpoints->ip_version))", ")")
mutation("prefix-of-the-other-version", "a prefix of IPv4 covers IPv6 addresses too",
         "app/packet/filter.c",
         "found = prefix->ip_version == ip_version && (halves", "found = (halves")
mutation("configuration-repeats-a-secret", "what stands where it is not allowed is repeated",
         "app/configuration/configuration.c",
         "else if (shown != SHOWN_NOT && made_of(text, bytes, shown == SHOWN_WORD ? WORD_SHOWN_MAX : NAME_SHOWN_MAX + 16))",
         "else if (shown != SHOWN_NOT)")
mutation("configuration-takes-duplicates", "of a member that is there twice the last one counts",
         "app/configuration/configuration.c",
         "JSON_REJECT_DUPLICATES | JSON_DECODE_ANY", "JSON_DECODE_ANY")
mutation("configuration-paths-from-anywhere", "a relative path is relative to the working directory",
         "app/configuration/values.c",
         "path[0] != '/' ? place->folder_length : 0", "0")
mutation("configuration-cpu-twice", "two workers may be given one CPU",
         "app/configuration/values.c",
         "if (configuration->cpus[i] == cpu)", "if (false)")
mutation("configuration-file-without-a-path", "a file needs no path",
         "app/configuration/values.c",
         "else if (sink_kind_has_path(sink->kind) && sink->path == NULL)", "else if (false)")
