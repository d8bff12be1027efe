#include "fuse/kernel_cache.h"

#include <gtest/gtest.h>

#include <memory>

namespace driveway::fuse {
namespace {

const InodeId kFile{2000};
const InodeId kOtherFile{2001};
const InodeId kFolder{3000};
const InodeId kOtherFolder{3001};
const InodeId kThirdFolder{3002};

std::shared_ptr<const Listing> listing_of(const KernelCache& cache, InodeId directory,
                                          std::size_t entries = 1) {
  auto listing = std::make_shared<Listing>();
  listing->stamp = cache.listing_stamp(directory);
  listing->entries.resize(entries);
  listing->settled = true;
  return listing;
}

TEST(KernelCacheTest, AFileIsTrustedUntilSomethingIsSaidAgainstIt) {
  KernelCache cache;
  EXPECT_FALSE(cache.trusts(kFile));
  cache.trust(kFile, cache.file_stamp(kFile));
  EXPECT_TRUE(cache.trusts(kFile));
  EXPECT_FALSE(cache.trusts(kOtherFile));
  cache.distrust(kOtherFile);
  EXPECT_TRUE(cache.trusts(kFile));
  cache.distrust(kFile);
  EXPECT_FALSE(cache.trusts(kFile));
}

// R1: bytes that were read between the look at the content and the verdict may be wrong ones.
TEST(KernelCacheTest, AVerdictFromBeforeTheLastReadDoesNotCount) {
  KernelCache cache;
  const std::uint64_t before = cache.file_stamp(kFile);
  cache.distrust(kFile);
  cache.trust(kFile, before);
  EXPECT_FALSE(cache.trusts(kFile));

  // Nor when it was trusted and distrusted meanwhile.
  const std::uint64_t early = cache.file_stamp(kFile);
  cache.trust(kFile, early);
  cache.distrust(kFile);
  cache.trust(kFile, early);
  EXPECT_FALSE(cache.trusts(kFile));
}

TEST(KernelCacheTest, FilesThatShareAPlaceAreNotMistakenForEachOther) {
  KernelCache cache;
  const InodeId far(kFile.value() + (std::uint64_t{1} << 40));
  cache.trust(kFile, cache.file_stamp(kFile));
  EXPECT_FALSE(cache.trusts(far));
  cache.trust(far, cache.file_stamp(far));
  EXPECT_TRUE(cache.trusts(far));
  EXPECT_FALSE(cache.trusts(kFile));
}

TEST(KernelCacheTest, AListingIsKeptUntilAnEntryChanges) {
  KernelCache cache;
  EXPECT_EQ(cache.listing(kFolder), nullptr);
  const auto listing = listing_of(cache, kFolder);
  cache.keep(kFolder, listing);
  EXPECT_EQ(cache.listing(kFolder), listing);
  EXPECT_FALSE(cache.forget_listing(kOtherFolder));
  EXPECT_EQ(cache.listing(kFolder), listing);
  EXPECT_TRUE(cache.forget_listing(kFolder));
  EXPECT_EQ(cache.listing(kFolder), nullptr);
}

TEST(KernelCacheTest, AnOldListingIsNotKept) {
  KernelCache cache;
  const auto listing = listing_of(cache, kFolder);
  EXPECT_FALSE(cache.forget_listing(kFolder));
  cache.keep(kFolder, listing);
  EXPECT_EQ(cache.listing(kFolder), nullptr);
}

TEST(KernelCacheTest, AListingWithAGuessIsNotKept) {
  KernelCache cache;
  auto listing = std::make_shared<Listing>(*listing_of(cache, kFolder));
  listing->settled = false;
  cache.keep(kFolder, listing);
  EXPECT_EQ(cache.listing(kFolder), nullptr);
}

// Offsets in one listing mean other entries in another.
TEST(KernelCacheTest, ReadersOfOneTimeHaveOneListing) {
  KernelCache cache;
  EXPECT_TRUE(cache.join(kFolder, 1));
  EXPECT_TRUE(cache.join(kFolder, 1));
  EXPECT_FALSE(cache.join(kFolder, 2));
  EXPECT_TRUE(cache.join(kOtherFolder, 2));
  EXPECT_TRUE(cache.rejoin(kFolder, 1));
  EXPECT_FALSE(cache.rejoin(kFolder, 2)) << "the other reader has the old one";
  cache.left(kFolder);
  EXPECT_TRUE(cache.rejoin(kFolder, 2));
  EXPECT_FALSE(cache.join(kFolder, 1));
  cache.left(kFolder);
  EXPECT_TRUE(cache.join(kFolder, 3));
}

TEST(KernelCacheTest, TheListingsThatWereNotUsedGoFirst) {
  KernelCache cache(100);  // entries
  cache.keep(kFolder, listing_of(cache, kFolder, 24));
  cache.keep(kOtherFolder, listing_of(cache, kOtherFolder, 24));
  cache.keep(kThirdFolder, listing_of(cache, kThirdFolder, 24));
  const InodeId fourth(3003);
  const InodeId fifth(3004);
  cache.keep(fourth, listing_of(cache, fourth, 24));
  EXPECT_NE(cache.listing(kFolder), nullptr);  // used
  cache.keep(fifth, listing_of(cache, fifth, 24));
  EXPECT_EQ(cache.listing(kOtherFolder), nullptr);
  EXPECT_NE(cache.listing(kFolder), nullptr);
  EXPECT_NE(cache.listing(fifth), nullptr);
}

TEST(KernelCacheTest, ALargeListingDrivesNoOthersOut) {
  KernelCache cache(100);
  cache.keep(kFolder, listing_of(cache, kFolder, 24));
  cache.keep(kOtherFolder, listing_of(cache, kOtherFolder, 25));
  EXPECT_NE(cache.listing(kFolder), nullptr);
  EXPECT_EQ(cache.listing(kOtherFolder), nullptr);
}

}  // namespace
}  // namespace driveway::fuse
