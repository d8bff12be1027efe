#include "vfs/container.h"

#include <gtest/gtest.h>

namespace driveway::vfs {
namespace {

TEST(ContainerTest, TheExtensionTells) {
  EXPECT_EQ(container_of("model.pt"), Container::kZip);
  EXPECT_EQ(container_of("a.b/DATA.NPZ"), Container::kZip);
  EXPECT_EQ(container_of("part-0001.snappy.parquet"), Container::kParquet);
  EXPECT_EQ(container_of("weights.h5"), Container::kHdf5);
  EXPECT_EQ(container_of("model-00001-of-00002.safetensors"), Container::kSafetensors);
  EXPECT_EQ(container_of("train-000000.tar"), Container::kTar);
}

TEST(ContainerTest, EverythingElseIsPlain) {
  EXPECT_EQ(container_of(""), Container::kNone);
  EXPECT_EQ(container_of("zip"), Container::kNone);
  EXPECT_EQ(container_of("zip."), Container::kNone);
  EXPECT_EQ(container_of("a.zip.part"), Container::kNone);
  EXPECT_EQ(container_of("a.tar.gz"), Container::kNone);  // no seeking in a stream
  EXPECT_EQ(container_of("a.tgz"), Container::kNone);
  EXPECT_EQ(container_of("film.mp4"), Container::kNone);
}

TEST(ContainerTest, ADirectoryGrowsWithTheFileWithinBounds) {  // R4
  EXPECT_EQ(edges_of(Container::kZip, 10 * kMiB).tail, kMiB);
  EXPECT_EQ(edges_of(Container::kParquet, 512 * kMiB).tail, 2 * kMiB);
  EXPECT_EQ(edges_of(Container::kZip, 100 * kGiB).tail, 4 * kMiB);
  EXPECT_EQ(edges_of(Container::kHdf5, kGiB).head, kMiB);
  EXPECT_EQ(edges_of(Container::kSafetensors, kGiB).tail, 0U);
  EXPECT_EQ(edges_of(Container::kNone, kGiB).head, 0U);
  EXPECT_EQ(edges_of(Container::kNone, kGiB).tail, 0U);
}

}  // namespace
}  // namespace driveway::vfs
