/// What SQLite offers only through functions with variable arguments, which Swift cannot call.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>

/// sqlite3_db_config(3) SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE: the last connection to close leaves the log as it is.
int csqlite_keep_log_on_close(sqlite3 *connection);

#endif
