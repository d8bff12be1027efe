// The conformance suite of RemoteStore: moves, the trash, copies, removals.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/drive/conformance_fixture.h"

namespace driveway::drive {

class MovesConformance : public WritingConformance {};

TEST_P(MovesConformance, ATrashedFolderTakesItemsIntoTheTrash) {  // J10
  const FileId folder = world->add_folder(world->base(), "folder");
  world->trash(folder);
  NewItem wish = new_file("f");
  wish.parent = folder;
  const Item made = create(wish, "x");
  EXPECT_EQ(made.parent, folder);
  EXPECT_TRUE(made.trashed);
  EXPECT_FALSE(made.explicitly_trashed);
  const Item moved = update(create(new_file("g")).id, {.move = Move{world->base(), folder}});
  EXPECT_TRUE(moved.trashed);
  world->untrash(folder);
  EXPECT_FALSE(get(made.id).trashed);
  EXPECT_EQ(names(children({folder})), (std::vector<std::string>{"f", "g"}));
}

TEST_P(MovesConformance, MovesThatCannotBe) {
  const FileId top = world->add_folder(world->base(), "top");
  const FileId middle = world->add_folder(top, "middle");
  const FileId low = world->add_folder(middle, "low");
  const FileId file = world->add_file(low, "file", "x");
  const auto move = [&](const FileId& id, const FileId& from, const FileId& to) {
    return store().update(context, id, {.name = "moved", .move = Move{from, to}}, nullptr);
  };
  EXPECT_TRUE(refused(move(top, world->base(), top)));
  EXPECT_TRUE(refused(move(top, world->base(), low)));  // a cycle (reference 9)
  EXPECT_TRUE(refused(move(middle, top, file)));
  EXPECT_TRUE(move(middle, top, FileId("1doesNotExist0123456789abcdefghij"))
                  .failed_with(ErrorCode::kNotFound));
  EXPECT_EQ(get(top).parent, world->base());
  EXPECT_EQ(get(middle).parent, top);
  EXPECT_EQ(get(top).name, "top");
  EXPECT_EQ(get(middle).name, "middle");
  // A second parent is not added (reference 9 leaves open which of the two).
  const auto second = move(file, top, middle);
  EXPECT_TRUE(refused(second) || (second.ok() && second->parent == middle));
  // A move that was made is made again.
  const Item moved = value_of(move(low, middle, world->base()));
  EXPECT_EQ(value_of(move(low, middle, world->base())).parent, world->base());
  EXPECT_EQ(moved.name, "moved");
}

TEST_P(MovesConformance, FoldersStayInTheirDrive) {
  const DriveId drive = world->add_shared_drive("Team");
  const FileId top(drive.value());
  const FileId folder = world->add_folder(world->base(), "folder");
  const FileId file = world->add_file(world->base(), "file", "content");
  EXPECT_TRUE(store()
                  .update(context, folder, {.move = Move{world->base(), top}}, nullptr)
                  .failed_with(ErrorCode::kCrossDevice));
  EXPECT_EQ(get(folder).parent, world->base());
  const auto moved = store().update(context, file, {.move = Move{world->base(), top}}, nullptr);
  ASSERT_TRUE(moved.ok()) << moved.error().to_string();
  EXPECT_EQ(moved->drive, drive);
  EXPECT_EQ(moved->parent, top);
  expect_content(*moved, "content");
  // All else works there as it does in My Drive.
  NewItem wish = new_folder("made");
  wish.parent = top;
  wish.id = new_id();
  const Item made = create(wish);
  EXPECT_EQ(made.drive, drive);
  const Item back = update(file, {.name = "renamed", .move = Move{top, made.id}}, "new");
  EXPECT_EQ(back.parent, made.id);
  expect_content(back, "new");
  EXPECT_TRUE(update(file, {.trashed = true}).explicitly_trashed);
  EXPECT_TRUE(store().remove(context, made.id).ok());
  EXPECT_TRUE(store().get(context, file).failed_with(ErrorCode::kNotFound));
}

TEST_P(MovesConformance, TheTrashTakesAFolderWithAllThatIsIn) {  // J8
  const FileId folder = world->add_folder(world->base(), "folder");
  const FileId file = world->add_file(folder, "file", "x");
  EXPECT_TRUE(update(folder, {.trashed = true}).explicitly_trashed);
  EXPECT_TRUE(get(file).trashed);
  EXPECT_FALSE(get(file).explicitly_trashed);
  EXPECT_TRUE(children({world->base()}).empty());
  EXPECT_EQ(update(file, {.name = "renamed"}).name, "renamed");  // still there, by its id
  EXPECT_FALSE(update(folder, {.trashed = false}).trashed);
  EXPECT_EQ(names(children({folder})), std::vector<std::string>{"renamed"});
}

TEST_P(MovesConformance, ACopyIsMadeByTheServer) {
  const FileId folder = world->add_folder(world->base(), "folder");
  NewItem source = new_file("source");
  source.mime_type = "text/x-source";
  const FileId id = create(source, "superseded").id;
  const Item from = update(id, {.modified = time("2001-02-03T04:05:06.789Z")}, "the head");
  NewItem wish = new_file("copy");
  wish.id = new_id();
  wish.parent = folder;
  wish.mime_type = from.mime_type;
  wish.modified = time("2021-02-03T04:05:06.789Z");
  wish.properties = {{"mode", "0600"}};
  const Item made = value_of(store().copy(context, id, wish));
  EXPECT_EQ(made.id, wish.id);
  EXPECT_EQ(made.name, "copy");
  EXPECT_EQ(made.parent, folder);
  EXPECT_EQ(made.mime_type, from.mime_type);
  EXPECT_EQ(made.modified, *wish.modified);
  EXPECT_EQ(made.properties.at("mode"), "0600");
  EXPECT_EQ(made.md5, from.md5);
  EXPECT_NE(made.head_revision, from.head_revision);
  expect_content(made, "the head");
  const auto revisions = store().revisions(context, made.id);
  ASSERT_TRUE(revisions.ok()) << revisions.error().to_string();
  EXPECT_EQ(revisions->size(), 1U);  // only of the head
  EXPECT_EQ(get(id), from);
  // Repeated with its id it makes nothing; without one it makes another item.
  EXPECT_TRUE(store().copy(context, id, wish).failed_with(ErrorCode::kAlreadyExists));
  wish.id = FileId();
  EXPECT_NE(value_of(store().copy(context, id, wish)).id, made.id);
  EXPECT_EQ(children({folder}, "copy").size(), 2U);
  // From now on each has its own content.
  world->set_content(id, "another head");
  EXPECT_EQ(get(made.id), made);
}

TEST_P(MovesConformance, CopiesThatCannotBe) {
  const NewItem wish = new_file("copy");
  EXPECT_TRUE(store()
                  .copy(context, world->add_folder(world->base(), "folder"), wish)
                  .failed_with(ErrorCode::kUnsupported));
  EXPECT_TRUE(store()
                  .copy(context, FileId("1doesNotExist0123456789abcdefghij"), wish)
                  .failed_with(ErrorCode::kNotFound));
  NewItem lost = wish;
  lost.parent = FileId("1doesNotExist0123456789abcdefghij");
  EXPECT_TRUE(store()
                  .copy(context, world->add_file(world->base(), "file", "x"), lost)
                  .failed_with(ErrorCode::kNotFound));
  EXPECT_TRUE(children({world->base()}, "copy").empty());
}

TEST_P(MovesConformance, RemovingTakesAllThatIsIn) {
  const FileId folder = world->add_folder(world->base(), "folder");
  const FileId inside = world->add_file(world->add_folder(folder, "deeper"), "file", "x");
  const FileId file = world->add_file(world->base(), "file", "x");
  for (const FileId& id : {file, folder}) {
    const Status status = store().remove(context, id);
    EXPECT_TRUE(status.ok()) << status.error().to_string();
    EXPECT_TRUE(store().remove(context, id).failed_with(ErrorCode::kNotFound));
  }
  for (const FileId& id : {file, folder, inside}) {
    EXPECT_TRUE(store().get(context, id).failed_with(ErrorCode::kNotFound));
  }
  EXPECT_TRUE(children({world->base()}).empty());
}

TEST_P(MovesConformance, FoldersLieAtMostAHundredDeep) {  // reference 1.7
  FileId folder = world->base();
  for (int depth = 2; depth <= 100; ++depth) folder = world->add_folder(folder, "d");
  NewItem wish = new_folder("too deep");
  wish.parent = folder;
  EXPECT_TRUE(refused(store().create(context, wish, nullptr)));
  const FileId other = create(new_folder("other")).id;
  EXPECT_TRUE(
      refused(store().update(context, other, {.move = Move{world->base(), folder}}, nullptr)));
  EXPECT_TRUE(children({folder}).empty());
  EXPECT_EQ(get(other).parent, world->base());
}

}  // namespace driveway::drive
