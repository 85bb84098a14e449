// commits DATABASE DECISIONS BATCH: what SQLite itself allows: one small row written a decision, BATCH of them a
// transaction, WAL, synchronous=FULL. Decides nothing.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static sqlite3 *database;

static void check(int code) {
  if (code == SQLITE_OK || code == SQLITE_DONE) return;
  fprintf(stderr, "commits: %s\n", sqlite3_errmsg(database));
  exit(74);
}

static void run(const char *sql) { check(sqlite3_exec(database, sql, NULL, NULL, NULL)); }

int main(int count, char **arguments) {
  if (count != 4) return fprintf(stderr, "usage: commits DATABASE DECISIONS BATCH\n"), 64;
  int decisions = atoi(arguments[2]), batch = atoi(arguments[3]);
  check(sqlite3_open(arguments[1], &database));
  run("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "CREATE TABLE grants(key TEXT PRIMARY KEY, granted INTEGER NOT NULL) WITHOUT ROWID");
  sqlite3_stmt *begin, *grant, *commit;
  check(sqlite3_prepare_v2(database, "BEGIN IMMEDIATE", -1, &begin, NULL));
  check(sqlite3_prepare_v2(database, "INSERT OR REPLACE INTO grants VALUES('benchmark', ?)", -1, &grant, NULL));
  check(sqlite3_prepare_v2(database, "COMMIT", -1, &commit, NULL));
  long long start = now();
  for (int done = 0; done < decisions;) {
    check(sqlite3_step(begin));
    sqlite3_reset(begin);
    for (int i = 0; i < batch && done < decisions; i++, done++) {
      sqlite3_bind_int64(grant, 1, done);
      check(sqlite3_step(grant));
      sqlite3_reset(grant);
    }
    check(sqlite3_step(commit));
    sqlite3_reset(commit);
  }
  long long end = now();
  printf("{\"decisions\":%d,\"granted\":%d,\"start_ns\":%lld,\"end_ns\":%lld}\n", decisions, decisions, start, end);
  return 0;
}
