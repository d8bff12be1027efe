#include "drive/mime.h"

#include <gtest/gtest.h>

namespace driveway::drive {
namespace {

TEST(MimeTest, TypeIsThatOfTheExtension) {
  EXPECT_EQ(mime_type_of("a.txt"), "text/plain");
  EXPECT_EQ(mime_type_of("model.tar.GZ"), "application/gzip");
  EXPECT_EQ(mime_type_of("Untitled.ipynb"), "application/x-ipynb+json");
  EXPECT_EQ(mime_type_of("x.zst"), "application/zstd");
  EXPECT_EQ(mime_type_of("x.7z"), "application/x-7z-compressed");
}

TEST(MimeTest, WhatIsNotKnownIsBinary) {
  for (const char* name : {"", "README", ".bashrc", ".txt", "a.", "weights.pt", "a.gdoc"}) {
    EXPECT_EQ(mime_type_of(name), kUnknownMimeType) << name;
  }
}

}  // namespace
}  // namespace driveway::drive
