#include "auth/login_store.h"

#include <sys/stat.h>

#include <thread>

#include "auth/choose_source.h"
#include "unit/auth/token_server.h"

namespace driveway::auth {
namespace {

using test::AuthFixture;
using test::credential;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0);
  return info.st_mode & 0777;
}

class LoginStoreTest : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content, mode_t mode = 0600) {
    const auto path = fixture_.folder.path() / name;
    EXPECT_TRUE(write_file_atomically(path, content, mode).ok());
    return path;
  }
  Result<std::unique_ptr<TokenSource>> choose(const std::string& account = "") {
    return choose_source({.account = account}, fixture_.environment, *fixture_.client.http,
                         fixture_.clock);
  }

  AuthFixture fixture_;
  LoginStore store_{fixture_.environment.config_folder, fixture_.clock};
};

TEST_F(LoginStoreTest, KeepsWhatItIsGiven) {
  Credential login = credential();
  login.grant_ends = fixture_.clock.wall_now() + 1h;
  login.quota_project = "my-project";
  ASSERT_TRUE(store_.save({}, "me@work", login).ok());
  const auto loaded = store_.load("me@work");
  ASSERT_TRUE(loaded.ok()) << loaded.error().to_string();
  EXPECT_EQ(loaded->client.id, login.client.id);
  EXPECT_EQ(loaded->client.secret, login.client.secret);
  EXPECT_EQ(loaded->refresh_token, login.refresh_token);
  EXPECT_EQ(loaded->scopes, login.scopes);
  EXPECT_EQ(loaded->account, login.account);
  EXPECT_EQ(loaded->quota_project, login.quota_project);
  EXPECT_EQ(loaded->created, fixture_.clock.wall_now());
  EXPECT_EQ(loaded->grant_ends, login.grant_ends);
  EXPECT_TRUE(store_.contains("me@work"));
  EXPECT_FALSE(store_.contains("default"));
}

TEST_F(LoginStoreTest, IsPrivate) {
  ASSERT_TRUE(store_.save({}, "default", credential()).ok());
  EXPECT_EQ(mode_of(store_.path_of("default")), 0600U);
  EXPECT_EQ(mode_of(store_.path_of("default").parent_path()), 0700U);
  for (const mode_t mode : {0640U, 0604U}) {
    ASSERT_EQ(::chmod(store_.path_of("default").c_str(), mode), 0);
    const auto loaded = store_.load("default");
    ASSERT_TRUE(loaded.failed_with(ErrorCode::kLoginNeeded));
    EXPECT_THAT(loaded.error().message, HasSubstr("chmod 600"));
  }
}

TEST_F(LoginStoreTest, ListsAndRemoves) {
  EXPECT_TRUE(store_.names().empty());
  for (const char* name : {"b", "a", "default"}) {
    ASSERT_TRUE(store_.save({}, name, credential()).ok());
  }
  EXPECT_THAT(store_.names(), ElementsAre("a", "b", "default"));
  EXPECT_TRUE(store_.remove({}, "b").ok());
  EXPECT_TRUE(store_.remove({}, "b").ok());
  EXPECT_THAT(store_.names(), ElementsAre("a", "default"));
}

TEST_F(LoginStoreTest, RefusesNamesThatAreNone) {
  for (const std::string name : {"", "../x", "a/b", ".hidden", "-x", "a b", "a\n"}) {
    EXPECT_TRUE(store_.save({}, name, credential()).failed_with(ErrorCode::kInvalidArgument));
    EXPECT_TRUE(store_.load(name).failed_with(ErrorCode::kInvalidArgument));
    EXPECT_FALSE(store_.contains(name));
  }
}

TEST_F(LoginStoreTest, ADamagedFileIsSaidWithoutItsContent) {
  ASSERT_TRUE(store_.save({}, "default", credential()).ok());
  for (const std::string content :
       {"", "[]", "{\"refresh_token\":\"SECRET\"", "{\"refresh_token\":\"SECRET\"}",
        "{\"client_id\":\"SECRET\",\"refresh_token\":7}",
        "{\"version\":2,\"client_id\":\"SECRET\",\"refresh_token\":\"SECRET\"}"}) {
    ASSERT_TRUE(write_file_atomically(store_.path_of("default"), content, 0600).ok());
    const auto loaded = store_.load("default");
    ASSERT_TRUE(loaded.failed_with(ErrorCode::kLoginNeeded)) << content;
    EXPECT_THAT(loaded.error().to_string(),
                AllOf(HasSubstr("run `driveway login`"), Not(HasSubstr("SECRET"))));
  }
}

TEST_F(LoginStoreTest, WaitsForTheLockOfAnotherProcessButNotForEver) {
  ASSERT_TRUE(store_.save({}, "default", credential("1//a")).ok());
  auto lock_file = store_.path_of("default");
  lock_file.replace_extension(".lock");
  auto held = FileLock::try_lock(lock_file);
  ASSERT_TRUE(held.ok());
  CancelSource source;
  source.cancel();
  Context cancelled;
  cancelled.cancel = source.token();
  EXPECT_TRUE(
      store_.save(cancelled, "default", credential("1//b")).failed_with(ErrorCode::kCancelled));
  const TimePoint start = fixture_.clock.now();
  EXPECT_TRUE(store_.save({}, "default", credential("1//c")).ok());  // stuck: gone past
  EXPECT_GE(fixture_.clock.now() - start, 10s);
  EXPECT_EQ(store_.load("default")->refresh_token.reveal(), "1//c");
}

// choose_source

TEST_F(LoginStoreTest, NoLoginSaysWhatToDo) {
  const auto none = choose();
  ASSERT_TRUE(none.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(none.error().message,
              AllOf(HasSubstr("driveway login"), HasSubstr("GOOGLE_APPLICATION_CREDENTIALS")));
  ASSERT_TRUE(store_.save({}, "work", credential()).ok());
  EXPECT_THAT(choose().error().message, HasSubstr("work"));
  const auto missing = choose("home");
  ASSERT_TRUE(missing.failed_with(ErrorCode::kLoginNeeded));
  EXPECT_THAT(missing.error().message, HasSubstr("run `driveway login --account home`"));
}

TEST_F(LoginStoreTest, TheOrderOfSources) {
  fixture_.environment.application_credentials = write("adc.json", R"({"type":"authorized_user",
      "client_id":"c","client_secret":"s","refresh_token":"1//adc"})");
  EXPECT_EQ((*choose())->describe(), "GOOGLE_APPLICATION_CREDENTIALS (authorized_user)");
  EXPECT_EQ((*choose("default"))->describe(), "GOOGLE_APPLICATION_CREDENTIALS (authorized_user)");
  EXPECT_TRUE(choose("work").failed_with(ErrorCode::kLoginNeeded));
  ASSERT_TRUE(store_.save({}, "default", credential()).ok());
  ASSERT_TRUE(store_.save({}, "work", credential()).ok());
  EXPECT_EQ((*choose())->describe(), "stored login default");
  EXPECT_EQ((*choose("work"))->describe(), "stored login work");
}

TEST_F(LoginStoreTest, ApplicationCredentialsGiveTokensFromOurEndpoint) {
  // Its token_uri is not asked: google-auth ignores it as well (oauth reference 8).
  const std::string content = R"({"type":"authorized_user","client_id":"c","client_secret":"s",
      "refresh_token":"1//adc","token_uri":"http://127.0.0.1:1/evil","quota_project_id":"p"})";
  const std::string path = write("adc.json", content, 0644);
  fixture_.environment.application_credentials = path;
  fixture_.server.extra = R"(,"refresh_token":"1//rotated")";
  const auto tokens = choose();
  ASSERT_TRUE(tokens.ok()) << tokens.error().to_string();
  const auto token = (*tokens)->token({});
  ASSERT_TRUE(token.ok()) << token.error().to_string();
  EXPECT_EQ(token->quota_project, "p");
  EXPECT_EQ(fixture_.server.form(0).at("refresh_token"), "1//adc");
  (*tokens)->refused(*token);
  ASSERT_TRUE((*tokens)->token({}).ok());
  EXPECT_EQ(fixture_.server.form(1).at("refresh_token"), "1//rotated");
  EXPECT_EQ(*read_file(path), content);  // the user's file is left alone
  fixture_.server.answer_with({test::refusal(400, "invalid_grant")});
  (*tokens)->refused(*(*tokens)->token({}));
  EXPECT_THAT((*tokens)->token({}).error().message, HasSubstr("run `driveway login`"));
}

TEST_F(LoginStoreTest, TheEnvironmentsQuotaProjectIsForApplicationCredentials) {
  fixture_.environment.application_credentials = write("adc.json", R"({"type":"authorized_user",
      "client_id":"c","client_secret":"s","refresh_token":"1//adc","quota_project_id":"file"})");
  fixture_.environment.quota_project = "variable";
  EXPECT_EQ((*choose())->token({})->quota_project, "variable");
  ASSERT_TRUE(store_.save({}, "default", credential()).ok());
  EXPECT_EQ((*choose())->token({})->quota_project, "");
}

TEST_F(LoginStoreTest, OtherApplicationCredentialsAreNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"type":"service_account","private_key":"SECRET"})", "no client_email"},
      {R"({"type":"service_account","client_email":"a@b","private_key":"SECRET"})", "no RSA key"},
      {R"({"type":"external_account"})", "external_account"},
      {R"({"type":"SECRET key"})", "no known type"},
      {R"({"installed":{"client_id":"x","client_secret":"SECRET"}})", "--client-id"},
      {R"({"web":{"client_id":"x"}})", "--client-id"},
      {"SECRET", "not a JSON object"},
      {R"({"type":"authorized_user","client_id":"SECRET"})", "no refresh_token"},
  };
  for (const auto& [content, why] : cases) {
    fixture_.environment.application_credentials = write("adc.json", content);
    const auto source = choose();
    ASSERT_TRUE(source.failed_with(ErrorCode::kLoginNeeded)) << content;
    EXPECT_THAT(source.error().to_string(), AllOf(HasSubstr(why), Not(HasSubstr("SECRET"))));
  }
  fixture_.environment.application_credentials = fixture_.folder.path() / "missing.json";
  const auto missing = choose();
  ASSERT_TRUE(missing.failed_with(ErrorCode::kLoginNeeded));  // not passed over
  EXPECT_THAT(missing.error().message, HasSubstr("no such file"));
}

TEST_F(LoginStoreTest, TheEnvironmentIsRead) {
  const test::ScopedVariable oauth("DRIVEWAY_OAUTH_URL", "http://127.0.0.1:1/");
  const test::ScopedVariable accounts("DRIVEWAY_ACCOUNTS_URL", nullptr);
  const test::ScopedVariable config("XDG_CONFIG_HOME", "/x/config");
  const test::ScopedVariable file("GOOGLE_APPLICATION_CREDENTIALS", "/x/adc.json");
  const test::ScopedVariable id("DRIVEWAY_CLIENT_ID", "id");
  const test::ScopedVariable secret("DRIVEWAY_CLIENT_SECRET", "secret");
  const test::ScopedVariable metadata("GCE_METADATA_HOST", nullptr);
  const test::ScopedVariable old_metadata("GCE_METADATA_ROOT", "127.0.0.1:1");
  const test::ScopedVariable broker("TBE_EPHEM_CREDS_ADDR", "127.0.0.1:2");
  const test::ScopedVariable no_check("NO_GCE_CHECK", "True");
  const test::ScopedVariable project("GOOGLE_CLOUD_QUOTA_PROJECT", "project");
  const Environment environment = Environment::from_process();
  EXPECT_EQ(environment.quota_project, "project");
  EXPECT_EQ(environment.metadata_host, "127.0.0.1:1");
  EXPECT_EQ(environment.colab_broker, "127.0.0.1:2");
  EXPECT_TRUE(environment.no_metadata);
  EXPECT_EQ(environment.oauth_url, "http://127.0.0.1:1");
  EXPECT_EQ(environment.accounts_url, "https://accounts.google.com");
  EXPECT_EQ(environment.config_folder, "/x/config/driveway");
  EXPECT_EQ(environment.application_credentials, "/x/adc.json");
  EXPECT_EQ(environment.client_id, "id");
  EXPECT_EQ(environment.client_secret.reveal(), "secret");
  const test::ScopedVariable relative("XDG_CONFIG_HOME", "relative");
  const test::ScopedVariable home("HOME", "/home/me");
  EXPECT_EQ(Environment::from_process().config_folder, "/home/me/.config/driveway");
  const test::ScopedVariable no_folder("CLOUDSDK_CONFIG", nullptr);
  EXPECT_EQ(Environment::from_process().gcloud_credentials,
            "/home/me/.config/gcloud/application_default_credentials.json");
  const test::ScopedVariable folder("CLOUDSDK_CONFIG", "/x/gcloud");
  EXPECT_EQ(Environment::from_process().gcloud_credentials,
            "/x/gcloud/application_default_credentials.json");
}

}  // namespace
}  // namespace driveway::auth
