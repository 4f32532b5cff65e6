/* SPDX-License-Identifier: BSD-3-Clause */
#include "alert_support.h"

/* Community ID: from baseline/baseline_deflt.json of github.com/corelight/community-id-spec and from Zeek's own test;
 * the last by tshark's communityid dissector, for two ends at one address. */
static void a_community_id_is_that_of_the_published_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *client, *server;
        uint16_t client_port, server_port;
        const char *id;
    } vectors[] = {
        {"128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
         "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
        {"2607:f8b0:400c:c03::1a", "2001:470:e5bf:dead:4957:2174:e82c:4887", 25, 63943,
         "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
        {"1.2.3.4", "5.6.7.8", 1122, 3344, "1:wCb3OG7yAFWelaUydu0D+125CLM="},
        {"127.0.0.1", "127.0.0.1", 50000, 443, "1:ZmWV3ytbJfTYZFUSY/RCg0FNKrg="},
        {"127.0.0.1", "127.0.0.1", 443, 50000, "1:ZmWV3ytbJfTYZFUSY/RCg0FNKrg="},
    };
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct record_flow flow = {.client_port = vectors[i].client_port, .server_port = vectors[i].server_port};
        flow.ip_version = strchr(vectors[i].client, ':') == NULL ? 4 : 6;
        int family = flow.ip_version == 4 ? AF_INET : AF_INET6;
        memset(flow.client_address, 0xaa, sizeof(flow.client_address)); /* what lies behind an IPv4 address */
        assert_int_equal(inet_pton(family, vectors[i].client, flow.client_address), 1);
        assert_int_equal(inet_pton(family, vectors[i].server, flow.server_address), 1);
        char id[COMMUNITY_ID_MAX];
        community_id(&flow, id);
        assert_string_equal(id, vectors[i].id);
    }
}

static void formats_are_found_by_the_names_that_are_listed(void **state)
{
    (void)state;
    char list[64], cut[6];
    alert_format_list(list, sizeof(list));
    assert_string_equal(list, "ecs, text");
    alert_format_list(cut, sizeof(cut));
    assert_string_equal(cut, "ecs, ");
    unsigned count = 0;
    for (char *name = strtok(list, ", "); name != NULL; name = strtok(NULL, ", "), count++)
        assert_non_null(alert_format_find(name));
    assert_int_equal(count, 2);
    assert_null(alert_format_find("xml"));
    assert_null(alert_format_find(""));
}

static struct record full_record(void)
{
    struct record record = test_record();
    record.time_ns += 123456789;
    record.midstream = record.gap = record.conflict = true;
    record.flow.has_vlan = true;
    record.flow.vlan_id = 7;
    record.request = (struct record_request){.method_length = 3,
                                             .method = "GET",
                                             .domain_length = 15,
                                             .domain = "api.example.com",
                                             .path_length = 8,
                                             .path = "/v1/mail",
                                             .user_agent_length = 11,
                                             .user_agent = "curl/7.88.1"};
    return record;
}

static void an_alert_has_every_member_of_the_table(void **state)
{
    (void)state;
    static const char expected_text[] =
        "{'@timestamp':'2023-06-15T03:12:44.123456Z','ecs':{'version':'8.11'},"
        "'message':'A token that names revoked key " REVOKED_KID " of another issuer was sent by 10.0.0.5 "
        "to 10.0.0.9:80 (GET api.example.com/v1/mail)',"
        "'event':{'kind':'alert','category':['network','intrusion_detection'],'type':['info'],'module':'bearertap',"
        "'dataset':'bearertap.alert','action':'revoked-key-used','severity':90,'sequence':1,"
        "'start':'2023-06-15T03:12:44.123456Z','end':'2023-06-15T03:12:44.123456Z',"
        "'id':'cf035846c2cf70a4d0b4c3e4ea12b843'}," /* by Python's hashlib from the documented material */
        "'rule':{'id':'revoked-key','name':'Token that names a revoked key'},"
        "'related':{'ip':['10.0.0.5','10.0.0.9'],'hash':['" TOKEN_SHA256 "']},"
        "'source':{'ip':'10.0.0.5','port':51234},'destination':{'ip':'10.0.0.9','port':80},"
        "'network':{'type':'ipv4','transport':'tcp','community_id':'1:KE4RzTVPJlyDjFa2S1MfWMInDyM=',"
        "'vlan':{'id':'7'}},"
        "'observer':{'name':'tap1','type':'ids','product':'bearertap','version':'" BEARERTAP_VERSION "',"
        "'ingress':{'interface':{'name':'eth5'}}},"
        "'http':{'request':{'method':'GET'}},'url':{'domain':'api.example.com','path':'/v1/mail'},"
        "'user_agent':{'original':'curl/7.88.1'},"
        "'bearertap':{'token':{'sha256':'" TOKEN_SHA256 "','format':'jws','placement':'authorization','alg':'HS256',"
        "'kid':'" REVOKED_KID "','typ':'JWT','issuer':'https://sts.example.com/9188040d/','subject':'alice',"
        "'audience':'mail, calendar','jti':'7f1c','issued_at':'2023-06-15T03:00:00Z',"
        "'expires_at':'2023-06-15T04:00:00Z'},"
        "'key':{'id':'" REVOKED_KID "','match':['kid','x5t'],'issuer':'other','revoked_at':'2021-04-04T00:00:00Z',"
        "'reason':'stolen'},"
        "'finding':{'id':'cf035846c2cf70a4d0b4c3e4ea12b843'},'sightings':1,"
        "'stream':{'midstream':true,'gap':true,'conflict':true}}}";
    char text[sizeof(expected_text)];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = expected_text[i] == '\'' ? '"' : expected_text[i];
    json_t *expected = json_loads(text, 0, NULL);
    assert_non_null(expected);

    struct key_entry entry = {.id = REVOKED_KID,
                              .reason = "stolen",
                              .severity = "critical",
                              .revoked_at = "2021-04-04T00:00:00Z",
                              .source = "keys.json",
                              .line = 3};
    struct key_table keys = test_keys();
    keys.conclusion.entries[0].entry = entry;
    keys.conclusion.entries[0].matched_by |= 1U << KEY_REFERENCE_X5T;
    keys.conclusion.entries[0].issuer = ISSUER_OTHER;
    keys.conclusion.severity = SEVERITY_CRITICAL;
    strcpy(test_port.name, "eth5");
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = full_record();
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink);
    test_port.name[0] = '\0';

    assert_int_equal(json_array_size(lines), 1);
    json_t *created = member(json_array_get(lines, 0), "event.created");
    assert_int_equal(strlen(json_string_value(created)), strlen("2023-06-15T03:12:44.123456Z"));
    assert_true(strcmp(json_string_value(created), "2024") > 0); /* the wall clock, not the packet's */
    json_object_del(member(json_array_get(lines, 0), "event"), "created");
    if (!json_equal(json_array_get(lines, 0), expected))
        fail_msg("got %s", sink_text(&sink));
    json_decref(lines);
    json_decref(expected);
    sink_close(&sink);
}

static void what_is_not_known_is_left_out(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = test_record();
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink), *line = json_array_get(lines, 0);
    static const char *const absent[] = {"http",
                                         "url",
                                         "user_agent",
                                         "network.vlan",
                                         "observer.ingress",
                                         "bearertap.stream",
                                         "bearertap.token.truncated",
                                         "bearertap.key.reason",
                                         "bearertap.key.revoked_at"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
        if (member(line, absent[i]) != NULL)
            fail_msg("%s is there", absent[i]);
    assert_string_equal(text_at(lines, 0, "message"),
                        "A token that names revoked key " REVOKED_KID " was sent by 10.0.0.5 to 10.0.0.9:80");
    assert_string_equal(text_at(lines, 0, "bearertap.key.issuer"), "unknown");
    assert_int_equal(number_at(lines, 0, "event.severity"), 70);
    assert_null(strstr(sink_text(&sink), "null"));
    assert_null(strstr(sink_text(&sink), "\"\""));
    json_decref(lines);
    sink_close(&sink);
}

static void a_token_that_the_server_sent_keeps_the_client_as_the_source(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = test_record();
    record.from_server = true;
    record.flow.ip_version = 6;
    inet_pton(AF_INET6, "2001:db8::5", record.flow.client_address);
    inet_pton(AF_INET6, "2001:db8::9", record.flow.server_address);
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink);
    assert_string_equal(text_at(lines, 0, "source.ip"), "2001:db8::5");
    assert_string_equal(text_at(lines, 0, "destination.ip"), "2001:db8::9");
    assert_string_equal(text_at(lines, 0, "network.type"), "ipv6");
    assert_string_equal(text_at(lines, 0, "message"),
                        "A token that names revoked key " REVOKED_KID " was sent by [2001:db8::9]:80 to 2001:db8::5");
    json_decref(lines);
    sink_close(&sink);
}

static void several_entries_are_one_sighting_and_stand_in_an_array(void **state)
{
    (void)state;
    struct key_entry entries[2] = {{.id = "a"}, {.id = "b"}};
    struct key_table keys = {
        .conclusion = {
            .finding = FINDING_REVOKED_KEY,
            .severity = SEVERITY_MEDIUM,
            .entries_count = 2,
            .entries = {{entries[0], 1U << KEY_REFERENCE_KID, ISSUER_UNKNOWN},
                        {entries[1], 1U << KEY_REFERENCE_X5C_SHA1 | 1U << KEY_REFERENCE_X5C_SHA256, ISSUER_SAME}}}};
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = test_record();
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink), *key = member(json_array_get(lines, 0), "bearertap.key");
    assert_int_equal(number_at(lines, 0, "event.severity"), 50);
    assert_int_equal(json_array_size(lines), 1);
    assert_int_equal(json_array_size(key), 2);
    assert_string_equal(text_at(key, 0, "id"), "a");
    assert_string_equal(text_at(key, 1, "id"), "b");
    assert_string_equal(text_at(key, 1, "issuer"), "same");
    json_t *match = member(json_array_get(key, 1), "match"); /* both digests of x5c are one name */
    assert_int_equal(json_array_size(match), 1);
    assert_string_equal(json_string_value(json_array_get(match, 0)), "x5c");
    json_decref(lines);
    sink_close(&sink);
}

/* RFC 3339 section 5.6 allows small letters and any number of digits; readers of dates do not. */
static void a_revocation_date_is_one_that_any_reader_takes(void **state)
{
    (void)state;
    static const char *const dates[][2] = {
        {"2023-06-16T00:00:00Z", "2023-06-16T00:00:00Z"},
        {"2023-06-16t00:00:00z", "2023-06-16T00:00:00Z"},
        {"2023-06-16t00:00:00.5+02:00", "2023-06-16T00:00:00.5+02:00"},
        {"2023-06-16T00:00:00.123456789012345678901234567890-11:30", "2023-06-16T00:00:00.123456789-11:30"}};
    for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        struct key_entry entry = {.id = "a", .revoked_at = dates[i][0]};
        struct key_table keys = test_keys();
        keys.conclusion.entries[0].entry = entry;
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = test_record();
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "bearertap.key.revoked_at"), dates[i][1]);
        json_decref(lines);
        sink_close(&sink);
    }
}

static void the_message_names_every_key(void **state)
{
    (void)state;
    struct key_entry entries[2] = {{.id = "a"}, {.id = "b"}};
    struct key_table keys = {.conclusion = {.finding = FINDING_REVOKED_KEY,
                                            .severity = SEVERITY_HIGH,
                                            .entries_count = 2,
                                            .entries = {{entries[0], 1U << KEY_REFERENCE_KID, ISSUER_SAME},
                                                        {entries[1], 1U << KEY_REFERENCE_X5T, ISSUER_OTHER}}}};
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = test_record();
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink);
    assert_string_equal(text_at(lines, 0, "message"),
                        "A token that names revoked key a and revoked key b of another issuer was sent by 10.0.0.5 "
                        "to 10.0.0.9:80");
    json_decref(lines);
    sink_close(&sink);
}

static void a_token_across_many_chunks_is_hashed_whole(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 7, 100, CHUNK_DATA_MAX};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        struct key_table keys = test_keys();
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = test_record();
        struct error error;
        assert_int_equal(test_take_cut(sink.alerts, &record, TOKEN, strlen(TOKEN), pieces[i], &error), 0);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "bearertap.token.sha256"), TOKEN_SHA256);
        assert_string_equal(text_at(lines, 0, "bearertap.token.subject"), "alice");
        json_decref(lines);
        sink_close(&sink);
    }
    /* The longest there is, and a chain that claims more than that: 65,536 times 'a', SHA-256 by Python's hashlib. */
    static char longest[TOKEN_MAX + 100];
    memset(longest, 'a', sizeof(longest));
    for (size_t extra = 0; extra <= 100; extra += 100) {
        struct sink sink = sink_open((struct alert_options){.all_tokens = true});
        struct record record = test_record();
        struct error error;
        test_take_cut(sink.alerts, &record, longest, TOKEN_MAX + extra, CHUNK_DATA_MAX, &error);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, 0, "bearertap.token.sha256"),
                            "bf718b6f653bebc184e1479f1935b8da974d701b893afcf49e701f3e2f9f9c5a");
        json_decref(lines);
        sink_close(&sink);
    }
}

static void clean_tokens_leave_only_when_all_are_asked_for(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    for (int all = 0; all <= 1; all++) {
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .all_tokens = all == 1});
        struct record record = test_record();
        test_take(sink.alerts, &record, CLEAN_TOKEN);
        record.possible_finding = false;
        test_take(sink.alerts, &record, CLEAN_TOKEN); /* the same again: clean ones are not folded */
        sink_finish(&sink);
        json_t *lines = sink_json(&sink);
        const struct alert_counters *counters = alerts_counters(sink.alerts);
        assert_int_equal(json_array_size(lines), all == 1 ? 2 : 0);
        assert_int_equal(counters->events, all == 1 ? 2 : 0);
        assert_int_equal(counters->alerts, 0);
        assert_int_equal(counters->sightings, 0);
        assert_int_equal(counters->not_concluded, 1);
        if (all == 1) {
            json_t *line = json_array_get(lines, 0);
            assert_string_equal(text_at(lines, 0, "event.kind"), "event");
            assert_string_equal(text_at(lines, 0, "event.dataset"), "bearertap.token");
            assert_int_equal(number_at(lines, 0, "event.severity"), 0);
            assert_string_equal(text_at(lines, 0, "bearertap.token.sha256"), CLEAN_TOKEN_SHA256);
            assert_string_equal(text_at(lines, 0, "bearertap.token.kid"), "clean-1");
            assert_string_equal(text_at(lines, 0, "bearertap.token.issuer"), "x");
            assert_null(member(line, "rule"));
            assert_null(member(line, "bearertap.key"));
            assert_null(member(line, "bearertap.finding"));
            assert_null(member(line, "bearertap.sightings"));
            assert_string_equal(text_at(lines, 0, "message"),
                                "A token that names key clean-1 was sent by 10.0.0.5 to 10.0.0.9:80");
        }
        json_decref(lines);
        sink_close(&sink);
    }
}

static void an_opaque_token_shows_its_hash_and_placement_only(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys, .all_tokens = true});
    struct record record = test_record();
    record.opaque = true;
    record.possible_finding = false;
    record.placement = PLACEMENT_COOKIE;
    test_take(sink.alerts, &record, "abc"); /* SHA-256 of FIPS 180-2 appendix B.1 */
    json_t *lines = sink_json(&sink);
    json_t *expected =
        json_pack("{s:s, s:s, s:s}", "sha256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                  "format", "opaque", "placement", "cookie");
    assert_true(json_equal(member(json_array_get(lines, 0), "bearertap.token"), expected));
    json_decref(expected);
    json_decref(lines);
    sink_close(&sink);
}

static void without_keys_nothing_is_a_finding(void **state)
{
    (void)state;
    struct sink sink = sink_open((struct alert_options){.all_tokens = true});
    struct record record = test_record();
    test_take(sink.alerts, &record, TOKEN);
    json_t *lines = sink_json(&sink);
    assert_string_equal(text_at(lines, 0, "event.kind"), "event");
    json_decref(lines);
    sink_close(&sink);
}

static void a_truncated_token_has_no_hash(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    struct record record = test_record();
    record.truncated = true;
    test_take(sink.alerts, &record, TOKEN_HEADER_TEXT ".eyJhdWQi");
    record.position += 500; /* another one: without a hash nothing says that it is the same */
    test_take(sink.alerts, &record, TOKEN_HEADER_TEXT ".eyJhdWQi");
    json_t *lines = sink_json(&sink);
    assert_int_equal(json_array_size(lines), 2);
    assert_true(json_is_true(member(json_array_get(lines, 0), "bearertap.token.truncated")));
    assert_null(member(json_array_get(lines, 0), "bearertap.token.sha256"));
    assert_null(member(json_array_get(lines, 0), "related.hash"));
    assert_string_equal(text_at(lines, 0, "bearertap.token.kid"), REVOKED_KID);
    assert_int_equal(alerts_counters(sink.alerts)->truncated, 2);
    json_decref(lines);
    sink_close(&sink);
}

/* Dates by Python's datetime. */
static void times_are_utc_with_microseconds(void **state)
{
    (void)state;
    static const struct {
        uint64_t time_ns;
        const char *text;
    } times[] = {{0, "1970-01-01T00:00:00.000000Z"},
                 {951782400000000000U, "2000-02-29T00:00:00.000000Z"},
                 {951868799999999999U, "2000-02-29T23:59:59.999999Z"},
                 {1709210096000001000U, "2024-02-29T12:34:56.000001Z"},
                 {4107542400000000000U, "2100-03-01T00:00:00.000000Z"},
                 {UINT64_MAX, "2554-07-21T23:34:33.709551Z"}};
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys});
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        struct record record = test_record();
        record.flow.id = i;
        record.time_ns = times[i].time_ns;
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        assert_string_equal(text_at(lines, i, "@timestamp"), times[i].text);
        json_decref(lines);
    }
    sink_close(&sink);
}

/* Every part of what a line's id is made of makes another id; the worker, the flow's number and the clock do not. */
static void ids_depend_on_the_capture_alone(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    char ids[10][40];
    for (int i = 0; i < 10; i++) {
        struct sink sink = sink_open((struct alert_options){.keys = &keys});
        struct record record = test_record();
        record.worker = (uint8_t)i;
        record.flow.id = (uint64_t)i;
        record.flow.client_port = (uint16_t)(record.flow.client_port + (i == 1));
        record.flow.server_port = (uint16_t)(record.flow.server_port + (i == 2));
        record.flow.client_address[3] = (uint8_t)(record.flow.client_address[3] + (i == 3));
        record.flow.server_address[3] = (uint8_t)(record.flow.server_address[3] + (i == 4));
        record.flow.first_time_ns += i == 5;
        record.position += i == 6;
        record.from_server = i == 7;
        record.placement = i == 8 ? PLACEMENT_QUERY : PLACEMENT_AUTHORIZATION;
        test_take(sink.alerts, &record, TOKEN);
        json_t *lines = sink_json(&sink);
        snprintf(ids[i], sizeof(ids[i]), "%s", text_at(lines, 0, "event.id"));
        json_decref(lines);
        sink_close(&sink);
    }
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    assert_string_equal(ids[0], ids[9]);
}

static void a_path_without_a_slash_stands_apart_from_the_domain(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    static const char *const formats[] = {"ecs", "text"};
    for (size_t i = 0; i < 2; i++) {
        struct sink sink = sink_open((struct alert_options){.keys = &keys, .format = alert_format_find(formats[i])});
        struct record record = test_record();
        record.request = (struct record_request){.method_length = 7,
                                                 .method = "OPTIONS",
                                                 .domain_length = 3,
                                                 .domain = "h.x",
                                                 .path_length = 1,
                                                 .path = "*"};
        test_take(sink.alerts, &record, TOKEN);
        assert_non_null(strstr(sink_text(&sink), "OPTIONS h.x *"));
        sink_close(&sink);
    }
}

static void a_line_for_a_person_reads_at_a_glance(void **state)
{
    (void)state;
    struct key_entry entry = {
        .id = REVOKED_KID, .reason = "stolen", .severity = "critical", .revoked_at = "2021-04-04T00:00:00Z"};
    struct key_table keys = test_keys();
    keys.conclusion.entries[0].entry = entry;
    struct sink sink = sink_open((struct alert_options){.keys = &keys, .format = alert_format_find("text")});
    struct record record = full_record();
    record.midstream = false;
    test_take(sink.alerts, &record, TOKEN);
    test_take(sink.alerts, &record, TOKEN);
    test_take(sink.alerts, &record, TOKEN);
    sink_finish(&sink);
#define LINE                                                                                                           \
    "2023-06-15 03:12:44.123456Z  REVOKED KEY " REVOKED_KID " (kid)  10.0.0.5:51234 > 10.0.0.9:80"                     \
    "  GET api.example.com/v1/mail  authorization  iss=https://sts.example.com/9188040d/  sub=alice"                   \
    "  token sha256 41a7c0a85eefe906...  revoked: 2021-04-04T00:00:00Z  reason: stolen  [gap, conflict]"
    assert_string_equal(sink_text(&sink), LINE "\n" LINE "  x2 more\n");
    sink_close(&sink);
}

static void the_arrow_points_where_the_token_went(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    struct sink sink = sink_open((struct alert_options){.keys = &keys, .format = alert_format_find("text")});
    struct record record = test_record();
    record.from_server = record.truncated = true;
    record.flow.ip_version = 6;
    inet_pton(AF_INET6, "2001:db8::5", record.flow.client_address);
    inet_pton(AF_INET6, "2001:db8::9", record.flow.server_address);
    test_take(sink.alerts, &record, TOKEN_HEADER_TEXT ".");
    assert_string_equal(sink_text(&sink), "2023-06-15 03:12:44.000000Z  REVOKED KEY " REVOKED_KID " (kid)  "
                                          "[2001:db8::5]:51234 < [2001:db8::9]:80  authorization  token cut short\n");
    sink_close(&sink);
}

static void color_is_used_only_when_asked_for(void **state)
{
    (void)state;
    struct key_table keys = test_keys();
    for (int color = 0; color <= 1; color++) {
        struct sink sink =
            sink_open((struct alert_options){.keys = &keys, .format = alert_format_find("text"), .color = color == 1});
        struct record record = test_record();
        test_take(sink.alerts, &record, TOKEN);
        assert_int_equal(strchr(sink_text(&sink), '\033') != NULL, color);
        assert_int_equal(strstr(sink_text(&sink), "\033[31mREVOKED KEY " REVOKED_KID " (kid)\033[0m  ") != NULL, color);
        sink_close(&sink);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_community_id_is_that_of_the_published_vectors),
        cmocka_unit_test(formats_are_found_by_the_names_that_are_listed),
        cmocka_unit_test(an_alert_has_every_member_of_the_table),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(a_token_that_the_server_sent_keeps_the_client_as_the_source),
        cmocka_unit_test(several_entries_are_one_sighting_and_stand_in_an_array),
        cmocka_unit_test(a_revocation_date_is_one_that_any_reader_takes),
        cmocka_unit_test(the_message_names_every_key),
        cmocka_unit_test(a_token_across_many_chunks_is_hashed_whole),
        cmocka_unit_test(clean_tokens_leave_only_when_all_are_asked_for),
        cmocka_unit_test(an_opaque_token_shows_its_hash_and_placement_only),
        cmocka_unit_test(without_keys_nothing_is_a_finding),
        cmocka_unit_test(a_truncated_token_has_no_hash),
        cmocka_unit_test(times_are_utc_with_microseconds),
        cmocka_unit_test(ids_depend_on_the_capture_alone),
        cmocka_unit_test(a_path_without_a_slash_stands_apart_from_the_domain),
        cmocka_unit_test(a_line_for_a_person_reads_at_a_glance),
        cmocka_unit_test(the_arrow_points_where_the_token_went),
        cmocka_unit_test(color_is_used_only_when_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
