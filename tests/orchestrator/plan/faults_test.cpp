#include <catch2/catch.hpp>

#include "tests/orchestrator/plan/sample.h"

namespace shaketable {
namespace {

TEST_CASE("no faults and `none` are the same") {
  CHECK(plan_of(minimal()).schedule.faults.empty());
  CHECK(plan_of(minimal("faults: none\n")).schedule.faults.empty());
  CHECK(complaint(minimal("faults: [partition]\n")) ==
        "plan.yaml:3:9: faults must be none, or a map with schedule, not a list\n"
        "faults: [partition]\n"
        "        ^");
  CHECK(complaint(minimal("faults: {choose: [partition]}\n")) ==
        "plan.yaml:3:1: faults need \"schedule\": random or timeline\n"
        "faults: {choose: [partition]}\n"
        "^");
}

TEST_CASE("an entry names exactly one known fault") {
  CHECK(complaint(minimal("faults:\n"
                          "  schedule: random\n"
                          "  choose:\n"
                          "    - {partion: {}, weight: 2}\n"
                          "    - {partition: {}, pause: {}}\n"
                          "    - {weight: 3}\n"
                          "    - {kill: {hard: true}}\n"
                          "    - pauze\n"
                          "    - [kill]\n")) ==
        "plan.yaml:6:8: unknown key \"partion\"; did you mean \"partition\"?\n"
        "    - {partion: {}, weight: 2}\n"
        "       ^\n"
        "plan.yaml:7:23: one entry names one fault; \"partition\" is named already\n"
        "    - {partition: {}, pause: {}}\n"
        "                      ^\n"
        "plan.yaml:8:7: this names no fault; there is kill, partition, pause\n"
        "    - {weight: 3}\n"
        "      ^\n"
        "plan.yaml:9:15: unknown key \"hard\"; the fault kill takes no keys\n"
        "    - {kill: {hard: true}}\n"
        "              ^\n"
        "plan.yaml:10:7: there is no fault \"pauze\"; did you mean \"pause\"?\n"
        "    - pauze\n"
        "      ^\n"
        "plan.yaml:11:7: each of choose must be a map such as {partition: {}, weight: 2}, not a list\n"
        "    - [kill]\n"
        "      ^");
}

TEST_CASE("only a fault with a main parameter has a short form") {
  CHECK(plan_of(minimal("faults: {schedule: random, choose: [partition: [bridge, isolate]]}\n"))
            .schedule.faults.at(0)
            .options.texts("shape") == std::vector<std::string>{"bridge", "isolate"});
  CHECK(complaint(minimal("faults: {schedule: random, choose: [pause: 5s]}\n")) ==
        "plan.yaml:3:44: the fault pause must be a map of its parameters, not \"5s\"\n"
        "faults: {schedule: random, choose: [pause: 5s]}\n"
        "                                           ^");
}

TEST_CASE("a random schedule must be able to do something, within the limits") {
  CHECK(complaint(minimal("faults: {schedule: random, choose: [{kill: {}, weight: 0}]}\n")) ==
        "plan.yaml:3:36: choose must have a fault with a weight above 0\n"
        "faults: {schedule: random, choose: [{kill: {}, weight: 0}]}\n"
        "                                   ^");
  CHECK(complaint(minimal("faults: {schedule: random, choose: []}\n")) ==
        "plan.yaml:3:36: choose must be a list of faults, not an empty list\n"
        "faults: {schedule: random, choose: []}\n"
        "                                   ^");
  CHECK(complaint(minimal("faults: {schedule: random}\n")) ==
        "plan.yaml:3:1: a random schedule needs \"choose\": the list of faults to draw from\n"
        "faults: {schedule: random}\n"
        "^");
  CHECK(complaint(minimal("time_limit: 10s\nfaults: {schedule: random, first_after: 10s, choose: [kill]}\n")) ==
        "plan.yaml:4:41: no fault would ever begin: the first comes after 10s, and the load ends after 10s\n"
        "faults: {schedule: random, first_after: 10s, choose: [kill]}\n"
        "                                        ^");
  CHECK(complaint(
            minimal("safety: {longest_fault: 20s}\nfaults: {schedule: random, lasts: [5s, 30s], choose: [kill]}\n")) ==
        "plan.yaml:4:40: lasts must be at most 20s, not 30s\n"
        "faults: {schedule: random, lasts: [5s, 30s], choose: [kill]}\n"
        "                                       ^");
  CHECK(complaint(minimal("faults: {schedule: random, events: [], choose: [kill]}\n")) ==
        "plan.yaml:3:28: unknown key \"events\"; faults takes schedule, first_after, lasts, quiet, recovery_wait, "
        "choose\n"
        "faults: {schedule: random, events: [], choose: [kill]}\n"
        "                           ^");
}

TEST_CASE("a fault that the cluster is too small for is told where it stands") {
  CHECK(complaint(
            minimal("cluster: {lab: {nodes: 1}}\nfaults: {schedule: random, choose: [kill, partition: halves]}\n")) ==
        "plan.yaml:4:43: partition needs at least 2 nodes, and there is only n1\n"
        "faults: {schedule: random, choose: [kill, partition: halves]}\n"
        "                                          ^");
}

TEST_CASE("the events of a timeline lie within the load") {
  CHECK(complaint(minimal("time_limit: 30s\n"
                          "faults:\n"
                          "  schedule: timeline\n"
                          "  events:\n"
                          "    - {at: 30s, for: 1s, kill: {}}\n"
                          "    - {at: 25s, for: 6s, kill: {}}\n"
                          "    - {kill: {}}\n"
                          "    - {at: 1s, for: 0s, kill: {}}\n"
                          "    - kill\n")) ==
        "plan.yaml:7:12: this begins at 30s, and the load ends after 30s (time_limit)\n"
        "    - {at: 30s, for: 1s, kill: {}}\n"
        "           ^\n"
        "plan.yaml:8:22: this lasts until 31s, and the load ends after 30s (time_limit)\n"
        "    - {at: 25s, for: 6s, kill: {}}\n"
        "                     ^\n"
        "plan.yaml:9:7: an event needs \"at\": when it begins, counted from the start of the load\n"
        "    - {kill: {}}\n"
        "      ^\n"
        "plan.yaml:9:7: an event needs \"for\": how long it lasts\n"
        "    - {kill: {}}\n"
        "      ^\n"
        "plan.yaml:10:21: for must be at least 1ms, not 0s\n"
        "    - {at: 1s, for: 0s, kill: {}}\n"
        "                    ^\n"
        "plan.yaml:11:7: each of events must be a map such as {at: 5s, for: 10s, partition: {}}, not \"kill\"\n"
        "    - kill\n"
        "      ^");
}

TEST_CASE("a random schedule waits for the system as long as the end of the run does or as it says") {
  CHECK(plan_of(minimal("recovery: 20s\nfaults: {schedule: random, choose: [kill]}\n")).schedule.recovery_wait ==
        std::chrono::seconds(20));
  CHECK(plan_of(minimal("faults: {schedule: random, recovery_wait: 0s, choose: [kill]}\n")).schedule.recovery_wait ==
        Nanos(0));
}

TEST_CASE("a timeline comes again as often as it is told and fits") {
  const auto schedule = [](const std::string& keys) {
    return plan_of(minimal("time_limit: 60s\nfaults: {schedule: timeline, " + keys +
                           "events: [{at: 5s, for: 5s, kill: {}}, {at: 8s, for: 7s, pause: {}}]}\n"))
        .schedule;
  };
  CHECK(schedule("").repeat == 1);
  CHECK(schedule("repeat: 4, ").every == std::chrono::seconds(15));
  CHECK(schedule("every: 20s, ").repeat == 3);
  CHECK(schedule("every: 10s, ").repeat == 5);
  CHECK(schedule("repeat: 2, every: 45s, ").repeat == 2);
  CHECK(complaint(
            minimal("time_limit: 60s\n"
                    "faults: {schedule: timeline, repeat: 3, every: 30s, events: [{at: 5s, for: 5s, kill: {}}]}\n")) ==
        "plan.yaml:4:38: the last of 3 rounds lasts until 1m 10s, and the load ends after 1m (time_limit)\n"
        "faults: {schedule: timeline, repeat: 3, every: 30s, events: [{at: 5s, for: 5s, kill: {}}]}\n"
        "                                     ^");
}

}  // namespace
}  // namespace shaketable
