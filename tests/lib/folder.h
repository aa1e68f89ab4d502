/* folder: directories of tests' own, for stores and databases. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

enum { FOLDER_PATH_SIZE = 64 };

/* From now on they are made in this place; "/tmp" to begin with. */
void folders_in(const char *place);
void folder_make(char path[FOLDER_PATH_SIZE]);
/* With all that is in it. */
void folder_remove(const char *path);
/* `to` holds the same files, and nothing else. */
void folder_copy(const char *from, const char *to);

#endif
