// A workload without a GPU that speaks the row protocol, and breaks it on request:
//   fake_tenant BEHAVIOUR [RATE]
// Its figures are exact: RATE items/s, requests of 1 ms that start on time.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/clock.h"
#include "core/environment.h"
#include "core/row_writer.h"

namespace {

using corun::from_seconds;
using corun::Instant;
using corun::RowWriter;
using corun::StartCommand;

struct Behaviour {
  std::string name;
  double rate = 100;
  bool is(const char* other) const { return name == other; }
};

void raw(const std::string& text) {
  std::FILE* rows = std::fopen(corun::environment(corun::kEnvRows).value_or("").c_str(), "w");
  if (rows == nullptr) std::exit(9);
  std::fwrite(text.data(), 1, text.size(), rows);
  std::fclose(rows);
}

[[noreturn]] void hang() {
  while (true) pause();
}

void write(RowWriter& writer, const corun::Message& message) {
  if (!writer.write(message)) std::exit(8);
}

corun::RequestsMessage requests(const Behaviour& behaviour, const StartCommand& start) {
  corun::RequestsMessage message{
      .window = start.window, .scheduled_us = {}, .start_us = {}, .end_us = {}};
  double gap_us = 1e6 / behaviour.rate;
  double busy_until = 0;
  for (double t = 10; t < start.seconds * 1e6; t += gap_us) {
    double lag_us = behaviour.is("late") ? 5000 : 1;
    // "saturated": each request takes half as long again as the gap between two.
    double service_us = behaviour.is("saturated") ? gap_us * 1.5 : 1000;
    double begin = std::max(t + lag_us, busy_until);
    busy_until = begin + service_us;
    message.scheduled_us.push_back(t);
    message.start_us.push_back(begin);
    message.end_us.push_back(busy_until);
  }
  return message;
}

void run_window(RowWriter& writer, const Behaviour& behaviour, const StartCommand& start) {
  corun::sleep_until(start.at);
  if (behaviour.is("exits-early")) {
    fmt::print(stderr, "something broke\n");
    std::exit(3);
  }
  if (behaviour.is("garbage")) raw("this is not JSON\n");
  if (behaviour.is("flood")) {
    std::string lines;
    for (int i = 0; i < 2000; ++i) lines += "{\"type\":\"note\",\"text\":\"x\"}\n";
    for (int i = 0; i < 10; ++i) raw(lines);
  }
  corun::ProgressMessage progress{.window = start.window, .t_us = {}, .items = {}};
  int steps = 10;
  for (int i = 1; i <= steps; ++i) {
    double t_s = start.seconds * i / steps;
    corun::sleep_until(start.at + from_seconds(t_s));
    progress.t_us = {t_s * 1e6};
    progress.items = {static_cast<uint64_t>(behaviour.rate * t_s + 0.5)};
    if (!behaviour.is("silent-loop") || i == steps) write(writer, progress);
    if (behaviour.is("hangs") && i == steps / 2) hang();
    if (behaviour.is("error") && i == steps / 2)
      write(writer, corun::ErrorMessage{"out of memory"});
  }
  bool open = behaviour.is("open") || behaviour.is("late") || behaviour.is("saturated");
  if (open) write(writer, requests(behaviour, start));
  corun::DoneMessage done{.window = start.window,
                          .items = progress.items.back(),
                          .t_us = start.seconds * 1e6,
                          .unanswered = 0,
                          .checksum = "00ff",
                          .checksum_ok = !behaviour.is("wrong-checksum"),
                          .memory_bytes = {}};
  write(writer, done);
}

int speak(const Behaviour& behaviour) {
  auto writer = RowWriter::from_environment();
  if (!writer) return 7;
  if (behaviour.is("never-initialised")) hang();
  write(*writer, corun::InitialisedMessage{});
  while (true) {
    auto command = writer->next_command(std::chrono::seconds(60));
    if (!command || !*command) return 6;
    if (std::holds_alternative<corun::StopCommand>(**command)) return 0;
    if (std::holds_alternative<corun::WarmCommand>(**command)) {
      if (behaviour.is("never-ready")) hang();
      corun::WorkloadKind kind = corun::WorkloadKind::kSynthetic;
      write(*writer, corun::ReadyMessage{.kind = kind, .unit = "items/s", .rate = behaviour.rate});
    }
    if (const auto* start = std::get_if<StartCommand>(&**command)) {
      run_window(*writer, behaviour, *start);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  Behaviour behaviour{.name = argv[1]};
  if (argc > 2) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), behaviour.rate);
  if (behaviour.is("silent")) hang();
  if (behaviour.is("ignores-stop")) std::signal(SIGTERM, SIG_IGN);
  return speak(behaviour);
}
