#include <string>

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "sim/lang/discovery.h"
#include "sim/lang/field_mask.h"
#include "sim/lang/resources.h"

namespace driveway::sim {
namespace {

using nlohmann::json;

FieldMask mask_of(std::string_view text, std::string_view type) {
  auto mask = FieldMask::parse(text, resource(type));
  EXPECT_TRUE(mask.ok()) << text;
  return mask.ok() ? *mask : FieldMask();
}

TEST(FieldMask, WantsWhatItNames) {
  const FieldMask mask =
      mask_of("nextPageToken, files(id,name,owners/emailAddress,capabilities)", "FileList");
  EXPECT_FALSE(mask.wants_all());
  EXPECT_TRUE(mask.wants("nextPageToken"));
  EXPECT_FALSE(mask.wants("kind"));
  const FieldMask& file = mask.child("files");
  EXPECT_TRUE(file.wants("id"));
  EXPECT_FALSE(file.wants("size"));
  EXPECT_TRUE(file.child("capabilities").wants_all());
  EXPECT_TRUE(file.child("capabilities").wants("canEdit"));
  EXPECT_TRUE(mask.wants_path("files/owners/emailAddress"));
  EXPECT_TRUE(mask.wants_path("files/owners"));
  EXPECT_FALSE(mask.wants_path("files/owners/me"));
  EXPECT_TRUE(mask.wants_path("files/capabilities/canEdit"));
}

TEST(FieldMask, MergesAndWildcards) {
  EXPECT_TRUE(mask_of("*", "File").wants_all());
  EXPECT_TRUE(mask_of("files", "FileList").child("files").wants_all());
  EXPECT_TRUE(mask_of("files/*", "FileList").child("files").wants_all());
  EXPECT_TRUE(mask_of("files(*)", "FileList").child("files").wants_all());
  EXPECT_TRUE(mask_of("files/id,files", "FileList").child("files").wants_all());
  const FieldMask both = mask_of("files/id,files/name", "FileList");
  EXPECT_TRUE(both.wants_path("files/id"));
  EXPECT_TRUE(both.wants_path("files/name"));
  EXPECT_FALSE(both.wants_path("files/size"));
  // Down into each object that has the name.
  const FieldMask any = mask_of("*/displayName", "File");
  EXPECT_TRUE(any.wants_path("owners/displayName"));
  EXPECT_TRUE(any.wants_path("lastModifyingUser/displayName"));
  EXPECT_FALSE(any.wants("id"));
  EXPECT_FALSE(any.wants("capabilities"));
  // The keys of maps are the user's.
  EXPECT_TRUE(mask_of("appProperties/whatever", "File").wants_path("appProperties/whatever"));
  EXPECT_TRUE(mask_of("exportFormats", "About").child("exportFormats").wants_all());
}

TEST(FieldMask, KnowsAllThatClientsAsk) {
  for (const char* mask :
       {"id,name,size,md5Checksum,sha1Checksum,sha256Checksum,trashed,explicitlyTrashed,"
        "modifiedTime,createdTime,mimeType,parents,webViewLink,shortcutDetails,exportLinks,"
        "resourceKey",
        "id,name,mimeType,parents,size,md5Checksum,headRevisionId,version,createdTime,modifiedTime,"
        "trashed,explicitlyTrashed,driveId,ownedByMe,shortcutDetails(targetId,targetMimeType,"
        "targetResourceKey),capabilities(canDownload,canEdit,canModifyContent,canAddChildren,"
        "canRename,canTrash,canDelete,canMoveItemWithinDrive),resourceKey"}) {
    EXPECT_TRUE(FieldMask::parse(mask, resource("File")).ok()) << mask;
  }
  EXPECT_TRUE(FieldMask::parse("user,storageQuota/limit,exportFormats", resource("About")).ok());
  EXPECT_TRUE(FieldMask::parse("nextPageToken,newStartPageToken,changes(fileId,removed,time,"
                               "file(id,parents),drive(id,name))",
                               resource("ChangeList"))
                  .ok());
}

struct BadMask {
  const char* type;
  const char* text;
  const char* name;
};

// 400 "Invalid field selection NAME" (drive-api reference 1.8).
TEST(FieldMask, RefusesUnknownNames) {
  constexpr BadMask kCases[] = {
      {"File", "nonsense", "nonsense"},
      {"File", "id,Name", "Name"},
      {"File", "id/x", "x"},
      {"File", "parents/x", "x"},
      {"FileList", "id", "id"},
      {"FileList", "files(id,wrong)", "wrong"},
      {"FileList", "files/owners/wrong", "wrong"},
      {"FileList", "files(id", "files(id"},
      {"FileList", "files(id))", "files(id))"},
      {"FileList", "files()", "files()"},
      {"FileList", "files,", "files,"},
      {"FileList", "files.id", "files.id"},
      {"StartPageToken", "*/wrong", "wrong"},
  };
  for (const BadMask& c : kCases) {
    const auto mask = FieldMask::parse(c.text, resource(c.type));
    ASSERT_FALSE(mask.ok()) << c.text;
    EXPECT_EQ(mask.error().http, 400);
    EXPECT_EQ(mask.error().reason, "invalidParameter");
    EXPECT_EQ(mask.error().location, "fields");
    EXPECT_EQ(mask.error().message, std::string("Invalid field selection ") + c.name);
  }
  EXPECT_FALSE(FieldMask::parse(std::string(100'000, '('), resource("File")).ok());
  std::string deep = "properties";
  for (int i = 0; i < 50'000; ++i) deep += "/a";
  EXPECT_FALSE(FieldMask::parse(deep, resource("File")).ok());
}

TEST(FieldMask, BlankWantsNothing) {
  for (const char* text : {"", "  "}) {
    const FieldMask mask = mask_of(text, "File");
    EXPECT_TRUE(mask.wants_none());
    EXPECT_EQ(mask.apply({{"id", "1"}}), json::object());
  }
}

TEST(FieldMask, Applies) {
  const json list = {
      {"kind", "drive#fileList"},
      {"nextPageToken", "t"},
      {"files",
       {{{"id", "1"}, {"name", "a"}, {"owners", {{{"me", true}, {"kind", "u"}}}}}, {{"id", "2"}}}}};
  EXPECT_EQ(mask_of("files(name,owners/me)", "FileList").apply(list),
            json({{"files", {{{"name", "a"}, {"owners", {{{"me", true}}}}}, json::object()}}}));
  EXPECT_EQ(mask_of("nextPageToken", "FileList").apply(list), json({{"nextPageToken", "t"}}));
  EXPECT_EQ(mask_of("*", "FileList").apply(list), list);
  const json file = {{"id", "1"}, {"capabilities", {{"canEdit", true}}}};
  EXPECT_EQ(mask_of("id,capabilities/canCopy", "File").apply(file), json({{"id", "1"}}));
}

TEST(FieldMask, DefaultsAreDrivesShortForms) {
  const FieldMask& list = FieldMask::default_of(resource("FileList"));
  EXPECT_TRUE(list.wants("nextPageToken"));
  EXPECT_TRUE(list.wants_path("files/mimeType"));
  EXPECT_FALSE(list.wants_path("files/size"));
  EXPECT_FALSE(FieldMask::default_of(resource("File")).wants("parents"));
  EXPECT_TRUE(FieldMask::default_of(resource("ChangeList")).wants("newStartPageToken"));
  EXPECT_TRUE(FieldMask::default_of(resource("About")).wants_all());
}

TEST(Discovery, DescribesTheMethods) {
  const json document = json::parse(discovery_document("http://127.0.0.1:8080/"));
  EXPECT_EQ(document["rootUrl"], "http://127.0.0.1:8080/");
  EXPECT_EQ(document["servicePath"], "drive/v3/");
  EXPECT_EQ(document["batchPath"], "batch/drive/v3");
  EXPECT_EQ(document["schemas"]["File"]["properties"]["size"],
            json({{"type", "string"}, {"format", "int64"}}));
  EXPECT_EQ(document["schemas"]["FileList"]["properties"]["files"],
            json({{"type", "array"}, {"items", {{"$ref", "File"}}}}));
  const json& files = document["resources"]["files"]["methods"];
  EXPECT_EQ(files["list"]["parameters"]["pageSize"], json({{"type", "integer"},
                                                           {"format", "int32"},
                                                           {"default", "100"},
                                                           {"minimum", "1"},
                                                           {"maximum", "1000"},
                                                           {"location", "query"}}));
  EXPECT_EQ(files["get"]["parameters"]["fileId"],
            json({{"type", "string"}, {"required", true}, {"location", "path"}}));
  EXPECT_EQ(files["get"]["parameterOrder"], json::array({"fileId"}));
  EXPECT_TRUE(files["get"]["supportsMediaDownload"]);
  EXPECT_EQ(files["update"]["mediaUpload"]["accept"], json::array({"*/*"}));
  EXPECT_EQ(files["update"]["mediaUpload"]["protocols"]["simple"]["path"],
            "/upload/drive/v3/files/{fileId}");
  EXPECT_EQ(files["export"]["parameters"]["mimeType"]["required"], true);
  EXPECT_EQ(document["resources"]["changes"]["methods"]["list"]["parameterOrder"],
            json::array({"pageToken"}));
  // What is not simulated is not offered.
  EXPECT_FALSE(files.contains("download"));
  EXPECT_FALSE(files.contains("watch"));
  EXPECT_FALSE(document["resources"].contains("channels"));
}

// No reference leads nowhere, and no method names a scope that is not listed.
TEST(Discovery, IsConsistent) {
  const json document = json::parse(discovery_document("https://www.googleapis.com/"));
  for (const auto& [name, schema] : document["schemas"].items()) {
    for (const auto& [field, type] : schema["properties"].items()) {
      const json& inner = type.contains("items") ? type["items"] : type;
      if (inner.contains("$ref")) {
        EXPECT_TRUE(document["schemas"].contains(inner["$ref"])) << name << "." << field;
      }
    }
  }
  for (const auto& [name, resource] : document["resources"].items()) {
    for (const auto& [method, entry] : resource["methods"].items()) {
      for (const char* side : {"request", "response"}) {
        if (entry.contains(side)) {
          EXPECT_TRUE(document["schemas"].contains(entry[side]["$ref"])) << name << "." << method;
        }
      }
      for (const json& scope : entry["scopes"]) {
        EXPECT_TRUE(document["auth"]["oauth2"]["scopes"].contains(scope)) << scope;
      }
    }
  }
  EXPECT_EQ(root_url_of("h:1", false), "http://h:1/");
  EXPECT_EQ(root_url_of("h", true), "https://h/");
}

}  // namespace
}  // namespace driveway::sim
