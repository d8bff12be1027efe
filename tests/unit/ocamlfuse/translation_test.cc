#include "ocamlfuse/translation.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace driveway::ocamlfuse {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Values = std::map<std::string, std::string, std::less<>>;

Fate only(const Values& values, const std::string& docs_mode = "") {
  const auto fates = translate_config(values, docs_mode);
  EXPECT_EQ(fates.size(), 1u);
  return fates.empty() ? Fate() : fates.front();
}

TEST(OldConfig, WhatHasASettingGetsIt) {
  for (const auto& [key, value, setting, ours] : std::vector<std::array<const char*, 4>>{
           {"max_cache_size_mb", "1024", "cache-size", "1024M"},
           {"metadata_cache_time", "5", "poll", "5s"},
           {"read_only", "true", "read-only", "true"},
           {"acknowledge_abuse", "true", "acknowledge-abuse", "true"},
           {"lost_and_found", "true", "lost-and-found", "true"},
           {"max_download_speed", "100000", "max-download", "100000"},
           {"max_upload_speed", "50000", "max-upload", "50000"},
           {"umask", "0o027", "umask", "027"},
           {"cache_directory", "/big", "cache-dir", "/big/driveway"},
           {"mv_keep_target", "true", "revisions", "keep"},
           {"service_account_credentials_path", "/k.json", "with", "credentials=/k.json"},
           {"service_account_user_to_impersonate", "a@x", "subject", "a@x"}}) {
    const Fate fate = only({{key, value}});
    EXPECT_EQ(fate.setting, setting) << key;
    EXPECT_EQ(fate.ours, ours) << key;
  }
}

TEST(OldConfig, WhatNobodyChoseChangesNothing) {
  for (const auto& [key, value] : Values{{"max_cache_size_mb", "512"},
                                         {"metadata_cache_time", "60"},
                                         {"read_only", "false"},
                                         {"cache_directory", ""},
                                         {"mv_keep_target", "false"},
                                         {"lost_and_found", "false"},
                                         {"max_upload_speed", "0"},
                                         {"team_drive_id", ""}}) {
    const Fate fate = only({{key, value}});
    EXPECT_EQ(fate.setting, "") << key;
    EXPECT_NE(fate.why, "") << key;
    EXPECT_FALSE(fate.loses) << key;
  }
}

TEST(OldConfig, WhatIsLostIsToldInAnyCase) {
  for (const auto& [key, value] : Values{{"mv_keep_target", "true"},
                                         {"large_file_read_only", "true"},
                                         {"docs_file_extension", "false"},
                                         {"delete_forever_in_trash_folder", "true"}}) {
    EXPECT_TRUE(only({{key, value}}).loses) << key;
  }
}

TEST(OldConfig, EveryKeyHasAFate) {
  for (const char* key : {"acknowledge_abuse",
                          "apps_script_format",
                          "apps_script_icon",
                          "async_upload",
                          "async_upload_queue",
                          "async_upload_queue_max_length",
                          "async_upload_threads",
                          "autodetect_mime",
                          "background_folder_fetching",
                          "cache_directory",
                          "client_id",
                          "client_secret",
                          "connect_timeout_ms",
                          "curl_debug_off",
                          "data_directory",
                          "debug_buffers",
                          "delete_forever_in_trash_folder",
                          "desktop_entry_as_html",
                          "desktop_entry_exec",
                          "disable_trash",
                          "docs_file_extension",
                          "document_format",
                          "document_icon",
                          "drawing_format",
                          "drawing_icon",
                          "form_format",
                          "form_icon",
                          "fusion_table_format",
                          "fusion_table_icon",
                          "keep_duplicates",
                          "large_file_read_only",
                          "large_file_threshold_mb",
                          "log_directory",
                          "log_to",
                          "lost_and_found",
                          "low_speed_limit",
                          "low_speed_time",
                          "map_format",
                          "map_icon",
                          "max_cache_size_mb",
                          "max_download_speed",
                          "max_memory_cache_size",
                          "max_retries",
                          "max_upload_chunk_size",
                          "max_upload_speed",
                          "memory_buffer_size",
                          "metadata_cache_time",
                          "metadata_memory_cache",
                          "metadata_memory_cache_saving_interval",
                          "mv_keep_target",
                          "oauth2_loopback",
                          "oauth2_loopback_port",
                          "presentation_format",
                          "presentation_icon",
                          "read_ahead_buffers",
                          "read_only",
                          "redirect_uri",
                          "root_folder",
                          "scope",
                          "service_account_credentials_path",
                          "service_account_user_to_impersonate",
                          "shared_with_me",
                          "spreadsheet_format",
                          "spreadsheet_icon",
                          "sqlite3_busy_timeout",
                          "stream_large_files",
                          "team_drive_id",
                          "umask",
                          "verification_code",
                          "write_buffers",
                          "xdg_base_directory"}) {
    const Fate fate = only({{key, "1"}});
    EXPECT_TRUE(!fate.setting.empty() || !fate.why.empty()) << key;
    EXPECT_THAT(fate.why, testing::Not(HasSubstr("no such key"))) << key;
  }
  EXPECT_THAT(only({{"nonsense", "1"}}).why, HasSubstr("no such key"));
}

TEST(OldConfig, SecretsAreNotShown) {
  const Values secrets = {{"client_id", "1.apps"},
                          {"client_secret", "GOCSPX-1"},
                          {"verification_code", "4/0A"},
                          {"nonsense", "1//token"}};
  for (const Fate& fate : translate_config(secrets, "")) {
    for (const char* secret : {"1.apps", "GOCSPX", "4/0A", "1//"}) {
      EXPECT_THAT(to_string(fate), testing::Not(HasSubstr(secret)));
    }
  }
}

TEST(OldConfig, Docs) {
  EXPECT_THAT(translate_config({}, ""), IsEmpty());
  EXPECT_EQ(only({{"document_format", "desktop"}}).ours, "desktop");
  EXPECT_EQ(only({{"document_format", "odt"}, {"form_format", "ods"}}).ours,
            "desktop,document=odt,form=link");
  EXPECT_EQ(only({}, "msoffice").ours,
            "desktop,document=docx,spreadsheet=xlsx,presentation=pptx,drawing=png,form=zip,"
            "script=json");
  EXPECT_EQ(only({{"document_format", "pdf"}}, "desktop").ours, "desktop");
  for (const Fate& fate : {only({}, "off"), only({{"download_docs", "false"}})}) {
    EXPECT_EQ(fate.ours, "link");
    EXPECT_TRUE(fate.loses);
  }
  const Fate unexported = only({{"drawing_format", ""}});
  EXPECT_EQ(unexported.ours, "desktop,drawing=link");
  EXPECT_TRUE(unexported.loses);
}

TEST(OldConfig, TheTopOfTheMount) {
  for (const auto& [folder, drive, ours] :
       std::vector<std::array<const char*, 3>>{{"/a/b", "", "a/b"},
                                               {"1xyz", "", "id=1xyz"},
                                               {"", "0A", "id=0A"},
                                               {"/a/b", "0A", "id=0A/a/b"},
                                               {"1xyz", "0A", "id=1xyz"}}) {
    const auto fates = translate_config({{"root_folder", folder}, {"team_drive_id", drive}}, "");
    ASSERT_EQ(fates.size(), 2u);
    const Fate& used = fates.front().setting.empty() ? fates.back() : fates.front();
    const Fate& other = fates.front().setting.empty() ? fates.front() : fates.back();
    EXPECT_EQ(used.setting, "top");
    EXPECT_EQ(used.ours, ours);
    EXPECT_EQ(other.setting, "");
    EXPECT_NE(other.why, "");
  }
}

TEST(OldMountOptions, KernelOnesStayAndLibfuseTwosGo) {
  const auto options = translate_mount_options(
      {"allow_other", "nonempty", "ro", "big_writes", "kernel_cache", "fsname=x", "max_read=4096",
       "entry_timeout=1", "umask=0o077", "uid=1000", "unheard_of"});
  EXPECT_THAT(options.kernel,
              ElementsAre("allow_other", "nonempty", "ro", "max_read=4096", "unheard_of"));
  ASSERT_EQ(options.fates.size(), 6u);
  EXPECT_EQ(options.fates[4].setting, "umask");
  EXPECT_EQ(options.fates[4].ours, "077");
  EXPECT_TRUE(options.fates[5].loses);
}

TEST(OldConfig, ATextForPeople) {
  EXPECT_EQ(to_string(only({{"max_cache_size_mb", "1024"}})),
            "max_cache_size_mb=1024: --cache-size 1024M");
  EXPECT_EQ(to_string(only({{"large_file_read_only", "true"}})),
            "large_file_read_only=true: large files can be written like others");
}

}  // namespace
}  // namespace driveway::ocamlfuse
