/* Reads the plan: one socket per line, see crowd.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

static char *next_field(char **rest, const char *line) {
    char *field = strsep(rest, "\t\n");
    if (!field || !*field) die("a field is missing in the plan's line: %s", line);
    return field;
}

static void make_trips(int count) {
    if (count <= trip_count) return;
    trips = realloc(trips, count * sizeof *trips);
    handed = realloc(handed, count * sizeof *handed);
    for (; trip_count < count; trip_count++) {
        trips[trip_count] = (struct trip){.device = -1};
        handed[trip_count] = (struct handed){0};
    }
}

static char *read_headers(char **rest) {
    char headers[REQUEST_MAX] = "";
    for (char *field; (field = strsep(rest, "\t\n"));)
        if (*field) snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s\r\n", field);
    return strdup(headers);
}

void read_crowd(void) {
    FILE *file = fopen(crowd.plan, "r");
    if (!file) die("cannot read the plan %s", crowd.plan);
    char *line = NULL;
    size_t room = 0;
    int member_room = 0;
    while (getline(&line, &room, file) > 0) {
        if (member_count == member_room) {
            member_room = member_room ? 2 * member_room : 1024;
            members = realloc(members, member_room * sizeof *members);
        }
        struct member *m = memset(&members[member_count], 0, sizeof *m);
        char *rest = line, *role = next_field(&rest, line);
        m->role = !strcmp(role, "device") ? DEVICE : !strcmp(role, "watcher") ? WATCHER : STALLED;
        m->trip = atoi(next_field(&rest, line));
        m->path = strdup(next_field(&rest, line));
        m->fd = -1;
        make_trips(m->trip + 1);
        if (m->role == DEVICE) {
            double lat = atof(next_field(&rest, line)), lon = atof(next_field(&rest, line));
            trips[m->trip].device = member_count;
            place_trip(&trips[m->trip], lat, lon, atof(next_field(&rest, line)));
        } else {
            trips[m->trip].watchers++;
        }
        m->headers = read_headers(&rest);
        member_count++;
    }
    fclose(file);
    free(line);
    if (!member_count) die("the plan is empty");
}
