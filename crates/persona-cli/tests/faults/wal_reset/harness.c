/* Drives one SQLite library into the WAL-reset race again and again, and looks whether anything is lost.
**
** The race (SQLite documentation, "Write-Ahead Logging", section "WAL-reset bug"): a checkpoint reads the header of the
** WAL, all of which is checkpointed; then a commit resets the WAL; then the checkpoint goes on with what it read
** and notes frames as copied that have yet to be written. Later they are taken for copied, and are overwritten.
** The window is a few instructions wide. SQLite's own fault-simulation point 660 lies in it, so the commit is made there;
** wal_reset.rs puts the point into older sources, which do not have it yet.
**
** Usage: harness DATABASE ROUNDS. Prints the rounds and overlaps; exit 0 when nothing was lost, 1 when something was.
*/
#include <stdio.h>
#include <stdlib.h>
#include "sqlite3.h"

#define ROWS 40
/* Where the fault-simulation point is, in walCheckpoint's caller. */
#define IN_THE_WINDOW 660

static sqlite3 *writer, *maintenance, *reader;
static int armed, overlaps, version;

static void run(sqlite3 *connection, const char *sql) {
  char *error = 0;
  if (sqlite3_exec(connection, sql, 0, 0, &error) != SQLITE_OK) {
    printf("lost: %s: %s\n", sql, error ? error : "unknown");
    exit(1);
  }
}

static int number(sqlite3 *connection, const char *sql) {
  sqlite3_stmt *statement = 0;
  int found = -1;
  if (sqlite3_prepare_v2(connection, sql, -1, &statement, 0) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
    found = sqlite3_column_int(statement, 0);
  }
  sqlite3_finalize(statement);
  return found;
}

/* Gives so many rows the next version. */
static void commit(int rows) {
  char sql[160];
  version++;
  snprintf(sql, sizeof sql, "UPDATE t SET version = %d, filler = randomblob(1500) WHERE id <= %d", version, rows);
  run(writer, sql);
}

static int in_the_window(int point) {
  if (armed && point == IN_THE_WINDOW) {
    armed = 0;
    overlaps++;
    commit(2);
  }
  return SQLITE_OK;
}

static void open_as(const char *path, sqlite3 **connection) {
  if (sqlite3_open(path, connection) != SQLITE_OK) {
    printf("cannot open %s\n", path);
    exit(2);
  }
  run(*connection, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = OFF;");
}

int main(int count, char **arguments) {
  int round, rounds, last_of_two, last_of_all;
  if (count != 3) return 2;
  rounds = atoi(arguments[2]);
  sqlite3_test_control(SQLITE_TESTCTRL_FAULT_INSTALL, in_the_window);
  open_as(arguments[1], &writer);
  open_as(arguments[1], &maintenance);
  open_as(arguments[1], &reader);
  run(writer, "CREATE TABLE t (id INTEGER PRIMARY KEY, version INTEGER NOT NULL, filler BLOB NOT NULL)");
  for (round = 0; round < ROWS; round++) run(writer, "INSERT INTO t (version, filler) VALUES (0, randomblob(1500))");
  for (round = 1; round <= rounds; round++) {
    commit(ROWS);
    run(maintenance, "PRAGMA wal_checkpoint(PASSIVE)");
    /* Everything is copied: the commit in the window resets the WAL. */
    armed = 1;
    run(maintenance, "PRAGMA wal_checkpoint(PASSIVE)");
    /* The WAL grows past where it was, is copied, and is reset. */
    commit(ROWS);
    last_of_all = version;
    run(maintenance, "PRAGMA wal_checkpoint(PASSIVE)");
    commit(2);
    last_of_two = version;
    if (number(reader, "SELECT min(version) FROM t WHERE id > 2") != last_of_all
        || number(reader, "SELECT min(version) FROM t WHERE id <= 2") != last_of_two
        || (round % 100 == 1 && number(reader, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'") != 0)) {
      printf("lost: a commit, in round %d, SQLite %s\n", round, sqlite3_libversion());
      return 1;
    }
  }
  if (overlaps != rounds) {
    printf("only %d overlaps in %d rounds\n", overlaps, rounds);
    return 2;
  }
  printf("%d overlaps, nothing lost, SQLite %s\n", overlaps, sqlite3_libversion());
  return 0;
}
