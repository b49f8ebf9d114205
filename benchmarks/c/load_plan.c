/* Reads the plan: one socket per line, see load.c. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static char *next_field(char **rest, const char *line) {
    char *field = strsep(rest, "\t\n");
    if (!field || !*field) die("a field is missing in the plan's line: %s", line);
    return field;
}

void read_plan(void) {
    FILE *file = fopen(options.plan, "r");
    if (!file) die("cannot read the plan %s", options.plan);
    char *line = NULL;
    size_t room = 0;
    int connection_room = 0;
    while (getline(&line, &room, file) > 0) {
        if (connection_count == connection_room) {
            connection_room = connection_room ? 2 * connection_room : 1024;
            connections = realloc(connections, connection_room * sizeof *connections);
        }
        struct connection *c = memset(&connections[connection_count], 0, sizeof *c);
        char *rest = line, *role = next_field(&rest, line);
        c->role = !strcmp(role, "device") ? DEVICE : !strcmp(role, "watcher") ? WATCHER : STALLED;
        c->trip = atoi(next_field(&rest, line));
        c->path = strdup(next_field(&rest, line));
        c->fd = -1;
        if (c->trip >= trip_count) {
            trips = realloc(trips, (c->trip + 1) * sizeof *trips);
            for (; trip_count <= c->trip; trip_count++) trips[trip_count] = (struct trip){.device = -1};
        }
        struct trip *trip = &trips[c->trip];
        if (c->role == DEVICE) {
            double lat = atof(next_field(&rest, line)), lon = atof(next_field(&rest, line));
            trip->device = connection_count;
            place_trip(trip, lat, lon, atof(next_field(&rest, line)));
        }
        trip->watchers += c->role == WATCHER;
        char headers[REQUEST_MAX] = "";
        for (char *field; (field = strsep(&rest, "\t\n"));)
            if (*field) snprintf(headers + strlen(headers), sizeof headers - strlen(headers), "%s\r\n", field);
        c->headers = strdup(headers);
        connection_count++;
    }
    fclose(file);
    free(line);
    for (int i = 0; i < trip_count; i++)
        if (trips[i].device < 0) die("trip %d has no device", i);
    if (!trip_count) die("the plan is empty");
    if (!options.publishers || options.publishers > trip_count) options.publishers = trip_count;
}
