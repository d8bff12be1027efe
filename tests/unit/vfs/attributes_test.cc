#include "vfs/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace driveway::vfs {
namespace {

using ::testing::Contains;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

tree::Node node_of(drive::Item item) {
  tree::Node node;
  node.item = std::move(item);
  return node;
}

TEST(AttributesTest, ShowsWhatDriveSays) {
  drive::Item item;
  item.id = FileId("id-1");
  item.name = "a/b";
  const auto attributes = drive_attributes(node_of(item));
  EXPECT_THAT(attributes, Contains(Pair("user.drive.id", "id-1")));
  EXPECT_THAT(attributes, Contains(Pair("user.drive.name", "a/b")));
  EXPECT_THAT(attributes, Not(Contains(Key("user.drive.md5"))));
}

TEST(AttributesTest, ShowsThoseOfTheOldProgram) {  // E3
  drive::Item item;
  item.id = FileId("id-1");
  item.app_properties = {{"x-comment", "good"},
                         {"x-empty", ""},
                         {"x-", "?"},
                         {"x-drive.id", "forged"},
                         {"mode", "420"}};
  const auto attributes = drive_attributes(node_of(item));
  EXPECT_THAT(attributes, Contains(Pair("user.comment", "good")));
  EXPECT_THAT(attributes, Contains(Pair("user.empty", "")));
  EXPECT_THAT(attributes, Contains(Pair("user.drive.id", "id-1")));
  EXPECT_THAT(attributes, Not(Contains(Pair("user.drive.id", "forged"))));
  EXPECT_THAT(attributes, Not(Contains(Key("user."))));
}

}  // namespace
}  // namespace driveway::vfs
