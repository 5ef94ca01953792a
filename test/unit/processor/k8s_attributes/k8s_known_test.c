/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that come, change and go, and what resources find of them meanwhile; what there is no room for. */
#include "support/rig/k8s_rig.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_ALONE "extract: {metadata: [k8s.pod.name]}\n"
#define GRACE (120 * NS_PER_S)

static struct k8s_rig r;
static unsigned version;

static bool tell_pod(const char *type, const char *name, const char *uid, const char *more)
{
    char text[2000];

    snprintf(text, sizeof(text), "{'metadata':{'name':'%s','namespace':'shop','uid':'%s','resourceVersion':'%u'},%s}",
             name, uid, ++version, more);
    return k8s_rig_event(&r, K8S_POD, type, text);
}

static void put_pod(const char *name, const char *uid, const char *more)
{
    ck_assert(tell_pod("ADDED", name, uid, more));
}

#define AT(ip, start) "'status':{'podIP':'" ip "','startTime':'2024-01-01T00:00:" start "Z'}"

static void pass(uint64_t ns)
{
    clock_advance(&r.loop.clock, ns);
}

static void check(const char *resource, const char *expected)
{
    ck_assert_str_eq(k8s_rig_resource(&r, resource), expected);
}

START_TEST(a_pod_is_found_by_its_address_until_the_grace_period_is_over)
{
    k8s_rig_init(&r, NAME_ALONE);
    check("a=b", "a=b");
    put_pod("web", "u1", AT("10.0.0.1", "01"));
    check("", "k8s.pod.name=web");
    check("k8s.pod.ip=10.0.0.1 k8s.pod.name=mine", "k8s.pod.ip=10.0.0.1 k8s.pod.name=mine");
    check("k8s.pod.ip=10.0.0.1 k8s.pod.name=", "k8s.pod.ip=10.0.0.1 k8s.pod.name=web");
    check("host.name=10.0.0.9 ip=10.0.0.1", "host.name=10.0.0.9 ip=10.0.0.1 k8s.pod.name=web");
    ck_assert(tell_pod("DELETED", "web", "u1", AT("", "01")));
    pass(GRACE - 1);
    check("", "k8s.pod.name=web");
    pass(1);
    check("", "");
    ck_assert_uint_eq(r.cluster->index.n_pods, 0);
    ck_assert_double_eq(r.cluster->size->value, 0);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(an_address_belongs_to_the_pod_that_started_last)
{
    k8s_rig_init(&r, NAME_ALONE);
    put_pod("old", "u1", AT("10.0.0.1", "01"));
    put_pod("new", "u2", AT("10.0.0.1", "02"));
    check("", "k8s.pod.name=new");
    put_pod("old", "u1", AT("10.0.0.1", "01")); /* its news come late */
    check("", "k8s.pod.name=new");
    ck_assert(tell_pod("DELETED", "old", "u1", AT("10.0.0.1", "01")));
    pass(GRACE);
    check("", "k8s.pod.name=new");
    ck_assert_uint_eq(r.cluster->index.n_pods, 1);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(an_address_that_a_pod_had_leads_to_it_for_the_grace_period)
{
    k8s_rig_init(&r, NAME_ALONE);
    put_pod("web", "u1", AT("10.0.0.1", "01"));
    put_pod("web", "u1", AT("10.0.0.2", "01"));
    check("", "k8s.pod.name=web");
    check("ip=10.0.0.2", "ip=10.0.0.2 k8s.pod.name=web");
    put_pod("web", "u1", AT("10.0.0.1", "01")); /* and has again */
    pass(GRACE);
    check("", "k8s.pod.name=web");
    check("ip=10.0.0.2", "ip=10.0.0.2");
    ck_assert_uint_eq(r.cluster->index.n_pods, 1);
    ck_assert_uint_eq(r.cluster->index.table.n, 3);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(pods_without_a_uid_and_half_objects_are_passed_over)
{
    k8s_rig_init(&r, "");
    put_pod("web", "", AT("10.0.0.1", "01"));
    ck_assert(k8s_rig_event(&r, K8S_POD, "ADDED",
                            "{'metadata':{'name':'odd','uid':'u','labels':7,'ownerReferences':{'kind':'Job'}},"
                            "'spec':{'containers':[null,{},{'name':'c','image':{}}],'initContainers':'x'},"
                            "'status':{'podIP':'10.0.0.1','containerStatuses':{'name':'c'}}}"));
    check("", "k8s.pod.name=odd k8s.namespace.name= k8s.pod.uid=u k8s.node.name=");
    k8s_rig_close(&r);
}
END_TEST

START_TEST(a_pod_whose_uid_is_too_long_is_left_out_alone)
{
    char *uid, *object;
    struct error err = { 0 };

    k8s_rig_init(&r, NAME_ALONE);
    put_pod("web", "u1", AT("10.0.0.1", "01"));
    uid = mem_printf("%05000d", 7);
    object = mem_printf("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"long\",\"uid\":\"%s\"},"
                        "\"status\":{\"podIP\":\"10.0.0.2\"}}}",
                        uid);
    ck_assert(k8s_rig_tell(&r, K8S_POD, bytes_str(object), &err));
    ck_assert_uint_eq(r.cluster->index.n_pods, 1);
    ck_assert_uint_gt(r.cluster->odd.interval, 0); /* and told so */
    check("", "k8s.pod.name=web");
    free(uid);
    free(object);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(a_pod_of_very_many_containers_is_cut)
{
    struct buf text = { 0 };

    k8s_rig_init(&r, "pod_association: [{sources: [{from: resource_attribute, name: container.id}]}]\n" NAME_ALONE);
    buf_puts(&text, "'status':{'containerStatuses':[{'name':'c','containerID':'x://c'}");
    for (int i = 0; i < 1000; i++)
        buf_printf(&text, ",{'name':'c%d','containerID':'x://%d'}", i, i);
    buf_puts(&text, "]}");
    {
        char *object = mem_printf("{'metadata':{'name':'web','uid':'u'},%s}", buf_cstr(&text));

        ck_assert(k8s_rig_event(&r, K8S_POD, "ADDED", object));
        free(object);
    }
    buf_free(&text);
    check("container.id=c", "container.id=c k8s.pod.name=web");
    ck_assert_uint_eq(r.cluster->index.table.n, K8S_MOST_CONTAINERS + 1);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(a_pod_of_very_many_annotations_is_cut)
{
    struct buf text = { 0 };
    char *object;

    k8s_rig_init(&r, "extract: {metadata: [k8s.pod.name], annotations: [{key_regex: '(.*)', tag_name: $1}]}\n");
    for (int i = 0; i < 2000; i++)
        buf_printf(&text, "%s'n%d':'x'", i > 0 ? "," : "", i);
    object = mem_printf("{'metadata':{'name':'web','uid':'u','annotations':{%s}}}", buf_cstr(&text));
    ck_assert(k8s_rig_event(&r, K8S_POD, "ADDED", object));
    ck_assert_uint_eq(k8s_index_by_uid(&r.cluster->index, bytes_str("u"))->attributes.n, K8S_MOST_TAGS);
    free(object);
    buf_free(&text);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(values_that_are_too_long_find_nothing)
{
    char resource[K8S_MOST_VALUE + 40] = "k8s.pod.ip=";

    k8s_rig_init(&r, NAME_ALONE);
    memset(resource + strlen(resource), 'x', K8S_MOST_VALUE + 1);
    check(resource, resource);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(without_room_a_pod_is_refused_and_nothing_is_left_of_it)
{
    uint64_t before, refused = 0;

    k8s_rig_init(&r, NAME_ALONE);
    put_pod("first", "u0", AT("10.0.0.1", "01"));
    before = r.budget.used;
    for (uint64_t room = 0; room < 2000; room += 50) {
        budget_set_limit(&r.budget, before + room);
        if (tell_pod("ADDED", "second", "u1", AT("10.0.0.2", "01")))
            break;
        refused++;
        pass(GRACE); /* what was known of it before the room ended */
        ck_assert_uint_eq(r.budget.used, before);
        check("ip=10.0.0.2", "ip=10.0.0.2");
    }
    ck_assert_uint_gt(refused, 5);
    budget_set_limit(&r.budget, UINT64_MAX);
    check("ip=10.0.0.2", "ip=10.0.0.2 k8s.pod.name=second");
    check("", "k8s.pod.name=first");
    k8s_rig_close(&r);
}
END_TEST

START_TEST(what_things_say_changes_and_goes_with_them)
{
    k8s_rig_init(&r,
                 "extract: {metadata: [k8s.cluster.uid], labels: [{key: team, from: namespace, tag_name: team}]}\n");
    put_pod("web", "u1", AT("10.0.0.1", "01"));
    check("", "");
    ck_assert(
        k8s_rig_event(&r, K8S_NAMESPACE, "ADDED", "{'metadata':{'name':'shop','uid':'n1','labels':{'team':'a'}}}"));
    ck_assert(k8s_rig_event(&r, K8S_NAMESPACE, "ADDED", "{'metadata':{'name':'kube-system','uid':'c1'}}"));
    check("", "k8s.cluster.uid=c1 team=a");
    check("k8s.namespace.name=shop ip=1", "k8s.namespace.name=shop ip=1 team=a");
    ck_assert(
        k8s_rig_event(&r, K8S_NAMESPACE, "MODIFIED", "{'metadata':{'name':'shop','uid':'n1','labels':{'team':'b'}}}"));
    check("", "k8s.cluster.uid=c1 team=b");
    ck_assert(k8s_rig_event(&r, K8S_NAMESPACE, "DELETED", "{'metadata':{'name':'shop','uid':'n1'}}"));
    check("", "k8s.cluster.uid=c1");
    k8s_rig_close(&r);
}
END_TEST

START_TEST(a_pod_comes_back_while_those_that_are_gone_make_room)
{
    k8s_rig_init(&r, NAME_ALONE);
    r.cluster->index.most = 2;
    put_pod("first", "u1", AT("10.0.0.1", "01"));
    ck_assert(tell_pod("DELETED", "first", "u1", AT("10.0.0.1", "01")));
    put_pod("second", "u2", AT("10.0.0.2", "01"));
    put_pod("first", "u1", AT("10.0.0.1", "01"));
    check("", "k8s.pod.name=first");
    check("ip=10.0.0.2", "ip=10.0.0.2 k8s.pod.name=second");
    ck_assert_uint_eq(r.cluster->index.n_pods, 2);
    k8s_rig_close(&r);
}
END_TEST

START_TEST(a_pod_is_found_by_what_its_owner_says)
{
    k8s_rig_init(&r, "pod_association: [{sources: [{from: resource_attribute, name: k8s.namespace.name}, "
                     "{from: resource_attribute, name: k8s.deployment.uid}]}]\n"
                     "extract: {metadata: [k8s.pod.name, k8s.deployment.uid]}\n");
    ck_assert(k8s_rig_event(&r, K8S_REPLICASET, "ADDED",
                            "{'metadata':{'name':'web-1','uid':'r1','ownerReferences':"
                            "[{'kind':'Deployment','name':'web','uid':'d1','controller':true}]}}"));
    ck_assert(k8s_rig_event(&r, K8S_POD, "ADDED",
                            "{'metadata':{'name':'web-1-x','namespace':'shop','uid':'u1','ownerReferences':"
                            "[{'kind':'ReplicaSet','name':'web-1','uid':'r1','controller':true}]}}"));
    check("k8s.namespace.name=shop k8s.deployment.uid=d1",
          "k8s.namespace.name=shop k8s.deployment.uid=d1 k8s.pod.name=web-1-x");
    k8s_rig_close(&r);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("k8s_known");
    TCase *tc = tcase_create("all");
    SRunner *sr;
    int failed;

    tcase_add_test(tc, a_pod_is_found_by_its_address_until_the_grace_period_is_over);
    tcase_add_test(tc, an_address_belongs_to_the_pod_that_started_last);
    tcase_add_test(tc, an_address_that_a_pod_had_leads_to_it_for_the_grace_period);
    tcase_add_test(tc, pods_without_a_uid_and_half_objects_are_passed_over);
    tcase_add_test(tc, a_pod_whose_uid_is_too_long_is_left_out_alone);
    tcase_add_test(tc, a_pod_of_very_many_containers_is_cut);
    tcase_add_test(tc, a_pod_of_very_many_annotations_is_cut);
    tcase_add_test(tc, values_that_are_too_long_find_nothing);
    tcase_add_test(tc, without_room_a_pod_is_refused_and_nothing_is_left_of_it);
    tcase_add_test(tc, what_things_say_changes_and_goes_with_them);
    tcase_add_test(tc, a_pod_comes_back_while_those_that_are_gone_make_room);
    tcase_add_test(tc, a_pod_is_found_by_what_its_owner_says);
    suite_add_tcase(s, tc);
    sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
