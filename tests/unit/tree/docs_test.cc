#include "tree/docs.h"

#include <gtest/gtest.h>

#include "tree/posix.h"

namespace driveway::tree {
namespace {

drive::Item file() {
  drive::Item item;
  item.id = FileId("id1");
  item.kind = drive::ItemKind::kFile;
  return item;
}

TEST(Docs, LinkFilesAreJson) {
  drive::Item item;
  item.id = FileId("1x");
  item.web_view_link = "https://docs.google.com/document/d/1x/edit";
  EXPECT_EQ(doc_text(item, "a\"b@x\n", DocsMode::kLink),
            "{\"url\": \"https://docs.google.com/document/d/1x/edit\", \"doc_id\": \"1x\", "
            "\"resource_key\": \"\", \"email\": \"a\\\"b@x\\u000a\"}\n");
  item.web_view_link.clear();
  EXPECT_NE(doc_text(item, "", DocsMode::kLink).find("https://drive.google.com/open?id=1x"),
            std::string::npos);
}

TEST(Docs, ExtensionsByTypeAndMode) {
  const std::string prefix = "application/vnd.google-apps.";
  EXPECT_EQ(doc_extension(prefix + "document", DocsMode::kLink), ".gdoc");
  EXPECT_EQ(doc_extension(prefix + "document", DocsMode::kExport), ".docx");
  EXPECT_EQ(doc_extension(prefix + "form", DocsMode::kExport), ".gform");
  EXPECT_EQ(doc_extension(prefix + "mail-layout", DocsMode::kLink), ".glink");
  EXPECT_EQ(doc_extension(prefix + "folder", DocsMode::kLink), "");
  EXPECT_EQ(doc_extension("text/plain", DocsMode::kLink), "");
  EXPECT_EQ(doc_extension(prefix + "site", DocsMode::kDesktop), ".desktop");
  EXPECT_EQ(doc_extension(prefix + "folder", DocsMode::kDesktop), "");
  EXPECT_FALSE(export_format(prefix + "site", DocsMode::kExport).has_value());
  EXPECT_FALSE(export_format(prefix + "jam", DocsMode::kLink).has_value());
  EXPECT_EQ(export_format(prefix + "jam", DocsMode::kExport)->mime_type, "application/pdf");
}

TEST(Docs, DesktopFilesNameTheUrl) {
  drive::Item item;
  item.name = "Plan\\ of\nJune";
  item.mime_type = "application/vnd.google-apps.document";
  item.web_view_link = "https://docs.google.com/document/d/1x/edit";
  EXPECT_EQ(doc_text(item, "a@x", DocsMode::kDesktop),
            "[Desktop Entry]\nVersion=1.0\nType=Link\nName=Plan\\\\ of\\nJune\n"
            "URL=https://docs.google.com/document/d/1x/edit\n");
}

TEST(DocsMode, ByType) {
  const std::string prefix = "application/vnd.google-apps.";
  const auto mode = DocsMode::parse("document=odt, spreadsheet=csv,drawing=desktop");
  ASSERT_TRUE(mode.ok()) << mode.error().to_string();
  EXPECT_EQ(doc_extension(prefix + "document", *mode), ".odt");
  EXPECT_EQ(export_format(prefix + "document", *mode)->mime_type,
            "application/vnd.oasis.opendocument.text");
  EXPECT_EQ(doc_extension(prefix + "spreadsheet", *mode), ".csv");
  EXPECT_EQ(doc_extension(prefix + "drawing", *mode), ".desktop");
  EXPECT_EQ(doc_extension(prefix + "presentation", *mode), ".gslides");
  EXPECT_EQ(doc_extension(prefix + "site", *mode), ".gsite");
}

TEST(DocsMode, OneTextForEachMode) {
  for (const auto& [text, same] :
       {std::pair("link", "link"),
        {"export", "export"},
        {"desktop", "desktop"},
        {"export,document=link,spreadsheet=link,presentation=link,drawing=link,script=link,jam="
         "link",
         "link"},
        {"document=docx,spreadsheet=xlsx,presentation=pptx,drawing=png,script=json,jam=pdf",
         "export"},
        {"form=zip,document=odt", "document=odt,form=zip"},
        {"desktop,document=odt,form=link", "desktop,document=odt,form=link"}}) {
    const auto mode = DocsMode::parse(text);
    ASSERT_TRUE(mode.ok()) << text;
    EXPECT_EQ(mode->text(), same);
    EXPECT_EQ(*DocsMode::parse(mode->text()), *mode);
  }
}

TEST(DocsMode, WhatIsWrongIsNamed) {
  for (const char* text : {"", "off", "links", "document", "document=", "document=xlsx", "map=pdf",
                           "document=odt,export", "export,,", "document=odt=x"}) {
    EXPECT_TRUE(DocsMode::parse(text).failed_with(ErrorCode::kInvalidArgument)) << text;
  }
  const auto wrong = DocsMode::parse("form=ods");
  EXPECT_NE(wrong.error().message.find("link, desktop, zip"), std::string::npos);
}

TEST(Posix, OurPropertiesComeFirstThenTheOldPrograms) {  // E3
  TreeOptions options;
  options.uid = 7;
  drive::Item item = file();
  EXPECT_EQ(permissions_of(item, options), 0644u);
  EXPECT_EQ(owner_of(item, options).uid, 7u);
  item.app_properties = {{"mode", "33261"}, {"uid", "1000"}, {"gid", "x"}};  // 0100755
  EXPECT_EQ(permissions_of(item, options), 0755u);
  EXPECT_EQ(owner_of(item, options).uid, 1000u);
  EXPECT_EQ(owner_of(item, options).gid, 0u);
  item.properties = {{"driveway.mode", "0600"}, {"driveway.uid", "5"}, {"driveway.gid", "6"}};
  EXPECT_EQ(permissions_of(item, options), 0600u);
  EXPECT_EQ(owner_of(item, options).uid, 5u);
  EXPECT_EQ(owner_of(item, options).gid, 6u);
}

TEST(Posix, WhatTheAccountMayNotWriteHasNoWriteBits) {
  const TreeOptions options;
  drive::Item item = file();
  item.capabilities.can_edit = false;
  EXPECT_EQ(permissions_of(item, options), 0444u);
  item.kind = drive::ItemKind::kFolder;
  EXPECT_EQ(permissions_of(item, options), 0755u);
  item.capabilities.can_add_children = false;
  EXPECT_EQ(permissions_of(item, options), 0555u);
}

TEST(Posix, SymlinksAreMarked) {
  drive::Item item = file();
  EXPECT_EQ(entry_kind(item), EntryKind::kFile);
  item.properties["driveway.symlink"] = "1";
  EXPECT_EQ(entry_kind(item), EntryKind::kSymlink);
  item.properties.clear();
  item.app_properties["l"] = "/outside";
  EXPECT_EQ(entry_kind(item), EntryKind::kSymlink);
  EXPECT_EQ(link_target_property(item), "/outside");
  item.kind = drive::ItemKind::kFolder;
  EXPECT_EQ(entry_kind(item), EntryKind::kDirectory);
}

}  // namespace
}  // namespace driveway::tree
