/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_support.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <openssl/evp.h>

/* pcap */

static void a_pcap_of_any_byte_order_and_resolution_gives_its_packets(void **state)
{
    (void)state;
    for (unsigned variant = 0; variant < 4; variant++) {
        bool nanoseconds = variant / 2;
        struct file file = {.big = variant % 2};
        put_pcap_header(&file, nanoseconds, ETHERNET);
        put_pcap_packet(&file, 1700000000, nanoseconds ? 123456789 : 123456, 60, 60);
        put_pcap_packet(&file, 4294967295, nanoseconds ? 999999999 : 999999, 96, 1514);
        struct received received;
        receive_file(&received, &file);
        assert_int_equal(received.count, 2);
        assert_true(received.packets[0].time_ns == (nanoseconds ? 1700000000123456789 : 1700000000123456000));
        assert_true(received.packets[1].time_ns == (nanoseconds ? 4294967295999999999 : 4294967295999999000));
        assert_int_equal(received.packets[0].length, 60);
        assert_int_equal(received.packets[1].length, 96);
        assert_int_equal(received.packets[1].wire, 1514);
        assert_int_equal(capture_port(received.packets[0].port)->link_type, LINK_ETHERNET);
        assert_string_equal(capture_port(received.packets[0].port)->name, "");
        assert_pattern(&received.packets[0]);
        assert_pattern(&received.packets[1]);
        assert_int_equal(received.summary.files_read, 1);
        assert_string_equal(received.messages, "");
        received_free(&received);
        file_free(&file);
    }
}

/* Numbers of tcpdump.org/linktypes.html. */
static void each_link_type_is_told_from_its_number(void **state)
{
    (void)state;
    static const struct {
        uint32_t number;
        enum link_type link_type;
    } cases[] = {{0, LINK_NULL},   {1, LINK_ETHERNET}, {12, LINK_RAW},  {14, LINK_RAW},        {101, LINK_RAW},
                 {108, LINK_LOOP}, {228, LINK_RAW},    {229, LINK_RAW}, {113, LINK_LINUX_SLL}, {276, LINK_LINUX_SLL2}};
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct file file = {0};
        put_pcap_header(&file, false, cases[i].number | 0x14000000); /* with a frame check sequence of 2 bytes */
        put_pcap_packet(&file, 1, 2, 3, 3);
        struct received received;
        receive_file(&received, &file);
        assert_int_equal(received.count, 1);
        assert_int_equal(capture_port(received.packets[0].port)->link_type, cases[i].link_type);
        received_free(&received);
        file_free(&file);
    }
}

static void an_unsupported_link_type_is_named_once_and_its_packets_counted(void **state)
{
    (void)state;
    struct file wireless = {0}, unknown = {0}, good = {0};
    put_pcap_header(&wireless, false, 105);
    for (unsigned i = 0; i < 1000; i++)
        put_pcap_packet(&wireless, i, 0, 50, 50);
    put_pcap_header(&unknown, false, 12345);
    put_pcap_packet(&unknown, 1, 0, 50, 50);
    put_pcap_header(&good, false, ETHERNET);
    put_pcap_packet(&good, 1, 0, 50, 50);
    const char *wireless_path = store("wireless", wireless.bytes, wireless.length);
    const char *paths[] = {wireless_path, wireless_path, store("unknown", unknown.bytes, unknown.length),
                           store("good", good.bytes, good.length)};
    struct received received;
    receive_paths(&received, paths, 4);
    assert_int_equal(received.count, 1);
    assert_int_equal(received.summary.unsupported_packets, 2001);
    assert_int_equal(received.summary.files_read, 4);
    assert_says(&received, wireless_path);
    assert_says(&received, "IEEE802_11 (105)");
    assert_says(&received, "(12345)");
    assert_int_equal(count_of(received.messages, "\n"), 2);
    received_free(&received);
    file_free(&wireless);
    file_free(&unknown);
    file_free(&good);
}

static void packets_of_every_awkward_length_arrive_whole(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 65534, 65535, 65536, 131070, 131071, 262143, 262144, 0, 60};
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    for (unsigned i = 0; i < RTE_DIM(lengths); i++)
        put_pcap_packet(&file, i, 0, lengths[i], lengths[i] + i);
    struct received received;
    receive_file(&received, &file);
    assert_int_equal(received.count, RTE_DIM(lengths));
    for (unsigned i = 0; i < RTE_DIM(lengths); i++) {
        assert_int_equal(received.packets[i].length, lengths[i]);
        assert_int_equal(received.packets[i].wire, lengths[i] + i);
        assert_int_equal(received.packets[i].segments, lengths[i] <= 65535 ? 1 : (lengths[i] + 65534) / 65535);
        assert_pattern(&received.packets[i]);
    }
    received_free(&received);
    file_free(&file);
}

static void a_wire_length_below_the_captured_one_is_raised_to_it(void **state)
{
    (void)state;
    struct file file = {0};
    put_pcap_header(&file, false, ETHERNET);
    put_pcap_packet(&file, 1, 0, 60, 40);
    struct received received;
    receive_file(&received, &file);
    assert_int_equal(received.count, 1);
    assert_int_equal(received.packets[0].length, 60);
    assert_int_equal(received.packets[0].wire, 60);
    received_free(&received);
    file_free(&file);
}

/* Damage and cuts */

static void a_packet_that_claims_too_much_ends_its_file_only(void **state)
{
    (void)state;
    struct file damaged = {0}, good = {0};
    put_pcap_header(&damaged, false, ETHERNET);
    put_pcap_packet(&damaged, 1, 0, 60, 60);
    put_32(&damaged, 2);
    put_32(&damaged, 0);
    put_32(&damaged, 262145);
    put_32(&damaged, 262145);
    put_pattern(&damaged, 300000, 1);
    put_pcap_header(&good, false, ETHERNET);
    put_pcap_packet(&good, 3, 0, 60, 60);
    const char *paths[] = {store("damaged", damaged.bytes, damaged.length), store("good", good.bytes, good.length)};
    struct received received;
    receive_paths(&received, paths, 2);
    assert_int_equal(received.count, 2);
    assert_int_equal(received.packets[1].time_ns, 3000000000);
    assert_int_equal(received.summary.files_read, 2);
    assert_int_equal(received.summary.files_cut, 1);
    assert_says(&received, paths[0]);
    assert_says(&received, "packet 2");
    assert_says(&received, "byte 100:"); /* 24 + 16 + 60 */
    received_free(&received);
    file_free(&damaged);
    file_free(&good);
}

/* As the lengths in a little-endian pcapng have it. */
static bool ends_a_block(const struct file *file, size_t cut)
{
    size_t end = 0;
    while (end < cut)
        end += file->bytes[end + 4];
    return end == cut;
}

static void a_file_cut_at_any_byte_gives_all_packets_before_the_cut(void **state)
{
    (void)state;
    for (unsigned pcapng = 0; pcapng < 2; pcapng++) {
        struct file file = {0};
        size_t header_end, ends[SMALL_FILE_PACKETS];
        write_small_file(&file, pcapng, &header_end, ends);
        for (size_t cut = 0; cut <= file.length; cut++) {
            struct received received;
            receive_bytes(&received, file.bytes, cut);
            unsigned whole = 0;
            while (whole < SMALL_FILE_PACKETS && ends[whole] <= cut)
                whole++;
            assert_int_equal(received.count, whole);
            assert_int_equal(received.summary.files_failed, cut < header_end);
            assert_int_equal(received.summary.files_read, cut >= header_end);
            assert_int_equal(count_of(received.messages, "\n"),
                             received.summary.files_failed + received.summary.files_cut);
            bool between_pcap_packets = cut == header_end || (whole > 0 && cut == ends[whole - 1]);
            if (!pcapng && cut >= header_end)
                assert_int_equal(received.summary.files_cut, !between_pcap_packets);
            if (pcapng && cut >= header_end)
                assert_int_equal(received.summary.files_cut, !ends_a_block(&file, cut));
            if (received.summary.files_cut == 1 && cut < file.length - 20 && !pcapng) {
                char text[64];
                snprintf(text, sizeof(text), "at packet %u, in the middle of what begins at byte %zu;", whole + 1,
                         whole == 0 ? header_end : ends[whole - 1]);
                assert_says(&received, text);
            }
            if (cut == file.length)
                assert_string_equal(received.messages, "");
            received_free(&received);
        }
        file_free(&file);
    }
}

static void what_is_no_capture_is_said_with_what_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *said;
    } cases[] = {
        {"", 0, "is empty"},
        {"\x1f\x8b\x08\x00rest", 8, "zcat"},
        {"\x28\xb5\x2f\xfdrest", 8, "zstd"},
        {"\xfd"
         "7zXZ\0rest",
         10, "xzcat"},
        {"# Notes\nof the incident\n", 24, "is text"},
        {"abc", 3, "is text"},
        {"\xd4\xc3", 2, "only 2 bytes"},
        {"\x7f"
         "ELF\2\1\1",
         7, "7f 45 4c 46"},
        {"\x34\xcd\xb2\xa1\2\0\4\0", 8, "editcap"},
        {"\xd4\xc3\xb2\xa1\x01\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 24, "version"},
        {"\x0a\x0d\x0d\x0a\x1c\0\0\0abcd\1\0\0\0", 16, "byte-order magic"},
    };
    for (unsigned i = 0; i < RTE_DIM(cases); i++) {
        struct received received;
        receive_bytes(&received, (const uint8_t *)cases[i].bytes, cases[i].length);
        assert_int_equal(received.count, 0);
        assert_int_equal(received.summary.files_failed, 1);
        assert_int_equal(received.summary.files_read, 0);
        assert_int_equal(count_of(received.messages, "\n"), 1);
        assert_says(&received, cases[i].said);
        assert_says(&received, test_directory());
        received_free(&received);
    }
}

static void the_message_for_a_compressed_file_can_be_pasted(void **state)
{
    (void)state;
    const char *path = store("x.pcap.gz", (const uint8_t *)"\x1f\x8b\x08\x00rest", 8);
    char command[512];
    snprintf(command, sizeof(command), "zcat %s | bearertap read -", path);
    struct received received;
    receive_paths(&received, &path, 1);
    assert_says(&received, command);
    received_free(&received);

    static const char *const odd_names[] = {"a; rm -rf b.gz", "$(id).gz", "it's.gz", "two words.gz",
                                            "umlaut-\xc3\xa4.gz"};
    for (unsigned i = 0; i < RTE_DIM(odd_names); i++) { /* named, but not in what a shell would run */
        path = store(odd_names[i], (const uint8_t *)"\x1f\x8b\x08\x00rest", 8);
        receive_paths(&received, &path, 1);
        assert_says(&received, odd_names[i]);
        assert_says(&received, ": zcat FILE | bearertap read -");
        received_free(&received);
    }
}

static void a_file_that_cannot_be_opened_is_named_and_the_next_is_read(void **state)
{
    (void)state;
    struct file good = {0};
    put_pcap_header(&good, false, ETHERNET);
    put_pcap_packet(&good, 1, 0, 60, 60);
    char missing[256];
    snprintf(missing, sizeof(missing), "%s/missing.pcap", test_directory());
    const char *paths[] = {missing, test_directory(), store("good", good.bytes, good.length)};
    struct received received;
    receive_paths(&received, paths, 3);
    assert_int_equal(received.count, 1);
    assert_int_equal(received.summary.files_failed, 2);
    assert_int_equal(received.summary.files_read, 1);
    assert_says(&received, "missing.pcap: No such file or directory");
    assert_says(&received, "is a directory");
    received_free(&received);
    file_free(&good);
}

/* Files of other programs */

static void digest_packets(const struct received *received, char hex[65])
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (unsigned i = 0; i < received->count; i++) {
        const struct packet *packet = &received->packets[i]; /* as capture_files.py packs them; we are little-endian */
        EVP_DigestUpdate(context, &packet->time_ns, 8);
        EVP_DigestUpdate(context, &packet->length, 4);
        EVP_DigestUpdate(context, &packet->wire, 4);
        EVP_DigestUpdate(context, packet->bytes, packet->length);
    }
    uint8_t digest[32];
    EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    for (unsigned i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
}

static void files_written_by_scapy_editcap_mergecap_and_tcpdump_are_read(void **state)
{
    (void)state;
    char command[1024];
    snprintf(command, sizeof(command), "/usr/bin/python3 %s/capture_files.py %s", TESTS_UNIT_DIRECTORY,
             test_directory());
    assert_int_equal(system(command), 0);
    char path[256], name[64], expected[65];
    snprintf(path, sizeof(path), "%s/manifest", test_directory());
    FILE *manifest = fopen(path, "r");
    assert_non_null(manifest);
    unsigned files = 0, packets;
    while (fscanf(manifest, "%63s %u %64s", name, &packets, expected) == 3) {
        snprintf(path, sizeof(path), "%s/%s", test_directory(), name);
        const char *paths = path;
        struct received received;
        receive_paths(&received, &paths, 1);
        char digest[65];
        digest_packets(&received, digest);
        if (received.count != packets || strcmp(digest, expected) != 0 || received.messages[0] != '\0')
            fail_msg("%s: %u of %u packets, %s", name, received.count, packets, received.messages);
        received_free(&received);
        files++;
    }
    fclose(manifest);
    assert_int_equal(files, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pcap_of_any_byte_order_and_resolution_gives_its_packets),
        cmocka_unit_test(each_link_type_is_told_from_its_number),
        cmocka_unit_test(an_unsupported_link_type_is_named_once_and_its_packets_counted),
        cmocka_unit_test(packets_of_every_awkward_length_arrive_whole),
        cmocka_unit_test(a_wire_length_below_the_captured_one_is_raised_to_it),
        cmocka_unit_test(a_packet_that_claims_too_much_ends_its_file_only),
        cmocka_unit_test(a_file_cut_at_any_byte_gives_all_packets_before_the_cut),
        cmocka_unit_test(what_is_no_capture_is_said_with_what_it_is),
        cmocka_unit_test(the_message_for_a_compressed_file_can_be_pasted),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_named_and_the_next_is_read),
        cmocka_unit_test(files_written_by_scapy_editcap_mergecap_and_tcpdump_are_read),
    };
    return cmocka_run_group_tests(tests, support_set_up, support_tear_down);
}
