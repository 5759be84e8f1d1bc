#include <gtest/gtest.h>

#include <array>

#include "simgpu/wire/parse.h"

namespace corun::simgpu::wire {
namespace {

template <typename T>
std::vector<std::byte> packet_of(Type type, T message, size_t tail = 0) {
  message.header = {.size = static_cast<uint32_t>(sizeof message + tail),
                    .type = type,
                    .version = kVersion,
                    .call = 1,
                    .stamp_ns = 0};
  std::vector<std::byte> bytes(sizeof message + tail);
  std::memcpy(bytes.data(), &message, sizeof message);
  return bytes;
}

Submit submit_of(uint64_t op_id) {
  Submit submit;
  submit.op_id = op_id;
  return submit;
}

TEST(Wire, TheDocumentedExampleIsAnAcceptedFree) {
  const std::array<unsigned char, 32> bytes = {0x20, 0, 0, 0, 0x0a, 0, 1, 0, 3, 0, 0,
                                               0,    0, 0, 0, 0,    8, 7, 6, 5, 4, 3,
                                               2,    1, 7, 0, 0,    0, 0, 0, 0, 0};
  const auto packet = check_packet(std::as_bytes(std::span(bytes)));
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->header().type, Type::kFree);
  EXPECT_EQ(packet->header().call, 3u);
  EXPECT_EQ(packet->header().stamp_ns, 0x0102030405060708);
  EXPECT_EQ(packet->as<IdCall>().id, 7u);
}

TEST(Wire, EveryTruncationIsRefused) {
  const auto whole = packet_of(Type::kSubmit, submit_of(1));
  ASSERT_TRUE(check_packet(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(check_packet(std::span(whole).first(size))) << size;
  }
}

TEST(Wire, ValuesOutOfRangeAreRefused) {
  Submit submit = submit_of(1);
  submit.op.block[0] = 2048;
  EXPECT_FALSE(check_packet(packet_of(Type::kSubmit, submit)));
  submit = submit_of(1);
  submit.op.kind = static_cast<OpKind>(77);
  EXPECT_FALSE(check_packet(packet_of(Type::kSubmit, submit)));
  submit = submit_of(0);
  EXPECT_FALSE(check_packet(packet_of(Type::kSubmit, submit)));
  Hello hello;
  EXPECT_TRUE(check_packet(packet_of(Type::kHello, hello)));
  hello.thread_percentage = 101;
  EXPECT_FALSE(check_packet(packet_of(Type::kHello, hello)));
  hello = {};
  std::fill(std::begin(hello.pipe_directory), std::end(hello.pipe_directory), 'x');
  EXPECT_FALSE(check_packet(packet_of(Type::kHello, hello)));
}

TEST(Wire, TailsMustHaveTheAnnouncedSize) {
  Submit submit = submit_of(1);
  submit.op.param_bytes = 16;
  EXPECT_TRUE(check_packet(packet_of(Type::kSubmit, submit, 16)));
  EXPECT_FALSE(check_packet(packet_of(Type::kSubmit, submit, 8)));
  EXPECT_FALSE(check_packet(packet_of(Type::kFree, IdCall{}, 8)));
}

TEST(Wire, ServerMessagesAreNotAcceptedFromClients) {
  EXPECT_FALSE(check_packet(packet_of(Type::kReply, Reply{})));
  EXPECT_FALSE(check_packet(packet_of(static_cast<Type>(999), IdCall{})));
}

}  // namespace
}  // namespace corun::simgpu::wire
