/* Reads the plan: one socket per line, see load.c. Besides:
 *   fleet    TRIP PATH [HEADER]...      a watcher of all trips; TRIP means nothing
 *   dialect  plain|mqtt|nats            what the server speaks inside websocket frames
 *   message  BYTES                      fixes are for relaying: with their trip's name, filled up to this size
 * A PATH may end in #TOPIC: what a broker's client publishes to or subscribes to.
 */
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

static int read_setting(const char *name, char **rest, const char *line) {
    if (!strcmp(name, "dialect")) {
        const char *value = next_field(rest, line);
        options.dialect = !strcmp(value, "mqtt") ? MQTT : !strcmp(value, "nats") ? NATS : PLAIN;
    } else if (!strcmp(name, "message")) {
        options.message_bytes = atoi(next_field(rest, line));
        if (options.message_bytes > MESSAGE_MAX) die("a message may have %d bytes at most", MESSAGE_MAX);
    } else {
        return 0;
    }
    return 1;
}

static void read_path(struct connection *c, const char *path) {
    size_t n = strcspn(path, "#");
    c->path = strndup(path, n);
    c->topic = path[n] ? strdup(path + n + 1) : NULL;
    if (c->topic && strlen(c->topic) > TOPIC_MAX) die("the topic %s is longer than %d", c->topic, TOPIC_MAX);
    if (!c->topic && options.dialect != PLAIN) die("%s names no topic for the broker", path);
}

/* Now that all trips are known: who sees every one of them. */
static void seat_fleet_watchers(void) {
    for (int i = 0; i < connection_count; i++) {
        struct connection *c = &connections[i];
        if (c->role != FLEET) continue;
        c->seen = calloc(trip_count, sizeof *c->seen);
        for (int trip = 0; trip < trip_count; trip++) trips[trip].watchers++;
    }
}

void read_plan(void) {
    FILE *file = fopen(options.plan, "r");
    if (!file) die("cannot read the plan %s", options.plan);
    char *line = NULL;
    size_t room = 0;
    int connection_room = 0;
    while (getline(&line, &room, file) > 0) {
        char *rest = line, *role = next_field(&rest, line);
        if (read_setting(role, &rest, line)) continue;
        if (connection_count == connection_room) {
            connection_room = connection_room ? 2 * connection_room : 1024;
            connections = realloc(connections, connection_room * sizeof *connections);
        }
        struct connection *c = memset(&connections[connection_count], 0, sizeof *c);
        c->role = !strcmp(role, "device") ? DEVICE : !strcmp(role, "watcher") ? WATCHER : !strcmp(role, "fleet") ? FLEET : STALLED;
        c->trip = atoi(next_field(&rest, line));
        read_path(c, next_field(&rest, line));
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
    seat_fleet_watchers();
    if (!options.publishers || options.publishers > trip_count) options.publishers = trip_count;
}
