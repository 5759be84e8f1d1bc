// Where graphs are cut: tables of small graphs, and properties of random ones.
#include "engine/shim/graph_cuts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace corun::shim {
namespace {

constexpr uint64_t kUs = 1000;

struct Graph {
  std::vector<uint64_t> us;
  std::vector<std::pair<uint32_t, uint32_t>> edges;
};

std::vector<uint32_t> cuts_of(const Graph& graph, uint64_t every_us) {
  std::vector<uint64_t> ns;
  std::vector<uint32_t> from;
  std::vector<uint32_t> to;
  for (const uint64_t us : graph.us) ns.push_back(us * kUs);
  for (const auto& [a, b] : graph.edges) {
    from.push_back(a);
    to.push_back(b);
  }
  std::vector<uint32_t> cuts(graph.us.size());
  cuts.resize(graph_cuts({.nodes = static_cast<uint32_t>(ns.size()),
                          .duration_ns = ns.data(),
                          .edges = from.size(),
                          .from = from.data(),
                          .to = to.data()},
                         every_us * kUs, cuts.data()));
  return cuts;
}

Graph chain(std::vector<uint64_t> us) {
  Graph graph{.us = std::move(us), .edges = {}};
  for (uint32_t i = 1; i < graph.us.size(); ++i) graph.edges.emplace_back(i - 1, i);
  return graph;
}

struct Case {
  std::string name;
  Graph graph;
  uint64_t every_us;
  std::vector<uint32_t> cuts;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class GraphCuts : public ::testing::TestWithParam<Case> {};

TEST_P(GraphCuts, AreWhereTheTableSays) {
  EXPECT_EQ(cuts_of(GetParam().graph, GetParam().every_us), GetParam().cuts);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GraphCuts,
    ::testing::Values(
        Case{"Empty", {}, 100, {}},                        //
        Case{"OneLongNode", chain({5000}), 100, {}},       //
        Case{"ShortChain", chain({20, 20, 20}), 100, {}},  //
        Case{"LongNodes", chain({1000, 1000, 1000}), 100, {1, 2}},
        Case{"BeforeTheNodeThatWouldReachTheQuantum",
             chain({20, 20, 20, 20, 20, 20, 20, 20, 20}),
             100,
             {4, 8}},
        Case{"ALongNodeBehindShortOnes", chain({10, 10, 500, 10, 10}), 100, {2, 3}},
        Case{"NodesOfNoLength", chain({100, 0, 0, 100, 0}), 100, {3}},
        Case{"AQuantumOfZeroCutsEverywhere", chain({1, 1, 1}), 0, {1, 2}},
        // 0 -> 1, 2 -> 3 -> 4: never between the branches.
        Case{"AtJoinsAlone",
             {.us = {200, 200, 200, 200, 200}, .edges = {{0, 1}, {0, 2}, {1, 3}, {2, 3}, {3, 4}}},
             100,
             {3, 4}},
        // Two chains side by side that never meet: in front of what is left when one is over.
        Case{"ParallelChains", {.us = {200, 200, 200, 200}, .edges = {{0, 1}, {2, 3}}}, 100, {3}},
        // 0 -> 1 -> 3 -> 4, and 1 -> 2, a copy of results that nobody waits for.
        Case{"ADeadEndRunsOn",
             {.us = {200, 200, 50, 200, 200}, .edges = {{0, 1}, {1, 2}, {1, 3}, {3, 4}}},
             100,
             {1, 3, 4}},
        // 0 -> 1 -> 2, and 0 -> 2: an edge past a node takes nothing from it.
        Case{"AnEdgeThatSkips",
             {.us = {200, 200, 200}, .edges = {{0, 1}, {1, 2}, {0, 2}}},
             100,
             {1, 2}},
        // Two roots that node 2 joins.
        Case{"BehindSeveralRoots", {.us = {60, 60, 60}, .edges = {{0, 2}, {1, 2}}}, 100, {2}},
        // The order of the numbers means nothing: 2 -> 1 -> 0.
        Case{"NumbersAreNoOrder", {.us = {200, 200, 200}, .edges = {{2, 1}, {1, 0}}}, 100, {1, 0}},
        Case{
            "ACycleIsNoGraph", {.us = {200, 200, 200}, .edges = {{0, 1}, {1, 2}, {2, 1}}}, 100, {}},
        Case{"AnEdgeToNowhere", {.us = {200, 200}, .edges = {{0, 1}, {1, 7}}}, 100, {}},
        Case{"DurationsThatOverflow", chain({UINT64_MAX / kUs, UINT64_MAX / kUs, 1}), 100, {1, 2}}),
    [](const auto& test) { return test.param.name; });

/// All nodes that depend on `node`.
std::set<uint32_t> behind(const Graph& graph, uint32_t node) {
  std::set<uint32_t> found = {node};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [from, to] : graph.edges) {
      grew = (found.contains(from) && found.insert(to).second) || grew;
    }
  }
  return found;
}

Graph random_graph(std::mt19937& random) {
  std::uniform_int_distribution<uint32_t> count(1, 40);
  Graph graph;
  const uint32_t nodes = count(random);
  std::vector<uint32_t> names(nodes);
  for (uint32_t i = 0; i < nodes; ++i) names[i] = i;
  std::shuffle(names.begin(), names.end(), random);
  std::uniform_int_distribution<uint64_t> us(0, 120);
  for (uint32_t i = 0; i < nodes; ++i) graph.us.push_back(us(random));
  std::set<std::pair<uint32_t, uint32_t>> edges;
  for (uint32_t i = 1; i < nodes; ++i) {
    for (uint32_t back = 1; back <= 3 && back <= i; ++back) {
      if (back == 1 || random() % 4 == 0) edges.emplace(names[i - back], names[i]);
    }
    if (random() % 6 == 0) edges.erase({names[i - 1], names[i]});
  }
  graph.edges.assign(edges.begin(), edges.end());
  return graph;
}

TEST(GraphCutsOfRandomGraphs, HoldUpAllThatIsLeftAndComeInTime) {
  constexpr uint64_t kEvery = 100;
  std::mt19937 random(7);
  int cut = 0;
  for (int round = 0; round < 2000; ++round) {
    const Graph graph = random_graph(random);
    const std::vector<uint32_t> cuts = cuts_of(graph, kEvery);
    std::set<uint32_t> last;
    for (uint32_t i = 0; i < graph.us.size(); ++i) last.insert(i);
    for (const uint32_t node : cuts) {
      ++cut;
      const std::set<uint32_t> rest = behind(graph, node);
      // Each cut lies behind the one before, and there was enough to do between them.
      EXPECT_TRUE(std::includes(last.begin(), last.end(), rest.begin(), rest.end()));
      EXPECT_LT(rest.size(), last.size());
      uint64_t between = graph.us[node];
      for (const uint32_t one : last) between += rest.contains(one) ? 0 : graph.us[one];
      EXPECT_GE(between, kEvery);
      // Whatever does not come after it comes before it, or leads nowhere after it.
      for (uint32_t one = 0; one < graph.us.size(); ++one) {
        if (rest.contains(one)) continue;
        const std::set<uint32_t> then = behind(graph, one);
        const bool meets = std::any_of(then.begin(), then.end(),
                                       [&](uint32_t each) { return rest.contains(each); });
        EXPECT_TRUE(!meets || then.contains(node));
      }
      last = rest;
    }
  }
  EXPECT_GT(cut, 5000);
}

TEST(GraphCutsOfRandomGraphs, ChainsAreNeverLongerThanTheQuantum) {
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> us(60);
    for (uint64_t& one : us) one = 1 + random() % 150;
    const std::vector<uint32_t> cuts = cuts_of(chain(us), 100);
    const std::set<uint32_t> at(cuts.begin(), cuts.end());
    uint64_t since = 0;
    for (uint32_t node = 0; node < us.size(); ++node) {
      since = at.contains(node) ? us[node] : since + us[node];
      EXPECT_TRUE(since < 100 || since == us[node]) << since;
    }
  }
}

}  // namespace
}  // namespace corun::shim
