/* The least that bringing a message from process to process through a third one costs: no parsing, no counting.
 *
 *   hop BYTES PERIOD_US TICK_US
 *
 * Three processes over TCP: one sends so many bytes in each period (0 bytes: it only wakes up), one passes on what it reads
 * as it comes, and one reads: when something comes, or in ticks if TICK_US is not 0. Prints the three process ids, in this
 * order, and for each line on its input how many bytes have arrived so far, until the input ends.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 65536 };

static uint8_t buffer[READ_SIZE];

_Noreturn static void die(const char *what) {
    perror(what);
    exit(1);
}

/* Both ends of one connection. */
static void join(int ends[2]) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)) die("hop: cannot listen");
    getsockname(listener, (struct sockaddr *)&address, &size);
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(ends[0], (struct sockaddr *)&address, size)) die("hop: cannot connect");
    ends[1] = accept(listener, NULL, NULL);
    for (int i = 0; i < 2; i++) setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    close(listener);
}

/* Sleeps in whole periods, whatever the time between took. */
static void next_period(struct timespec *due, long period_us) {
    due->tv_nsec += period_us * 1000;
    for (; due->tv_nsec >= 1000000000; due->tv_nsec -= 1000000000) due->tv_sec++;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL) == EINTR) {}
}

static int poller_of(int fd) {
    int poller = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &wanted);
    return poller;
}

static void send_all(int fd, size_t size) {
    for (size_t at = 0; at < size;) {
        ssize_t n = send(fd, buffer + at, size - at, MSG_NOSIGNAL);
        if (n <= 0) exit(0);
        at += n;
    }
}

static void pass_on(int from, int to) {
    struct epoll_event event;
    for (int poller = poller_of(from);;) {
        if (epoll_wait(poller, &event, 1, -1) < 1) continue;
        ssize_t n = recv(from, buffer, READ_SIZE, MSG_DONTWAIT);
        if (n <= 0) exit(0);
        send_all(to, n);
    }
}

static void receive(int fd, long tick_us, volatile uint64_t *arrived) {
    struct epoll_event event;
    struct timespec due;
    int poller = poller_of(fd);
    clock_gettime(CLOCK_MONOTONIC, &due);
    for (;;) {
        if (tick_us) next_period(&due, tick_us);
        else if (epoll_wait(poller, &event, 1, -1) < 1) continue;
        ssize_t n = recv(fd, buffer, READ_SIZE, MSG_DONTWAIT);
        if (n > 0) *arrived += n;
        else if (n == 0) exit(0);
    }
}

static int begin(void) {
    fflush(stdout);
    int pid = fork();
    if (pid < 0) die("hop: no further process");
    if (!pid) prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fputs("usage: hop BYTES PERIOD_US TICK_US\n", stderr);
        return 2;
    }
    size_t size = atol(argv[1]);
    long period_us = atol(argv[2]), tick_us = atol(argv[3]);
    if (size > READ_SIZE || period_us < 1) {
        fprintf(stderr, "hop: at most %d bytes, and a period of at least 1 us\n", READ_SIZE);
        return 2;
    }
    uint64_t *arrived = mmap(NULL, sizeof *arrived, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int first[2], second[2], sender, relay, receiver;
    join(first);
    join(second);
    if (!(sender = begin())) {
        struct timespec due;
        clock_gettime(CLOCK_MONOTONIC, &due);
        for (;;) {
            next_period(&due, period_us);
            send_all(first[0], size);
        }
    }
    if (!(relay = begin())) pass_on(first[1], second[0]);
    if (!(receiver = begin())) receive(second[1], tick_us, arrived);
    printf("%d %d %d\n", sender, relay, receiver);
    fflush(stdout);
    for (char line[64]; fgets(line, sizeof line, stdin);) {
        printf("%llu\n", (unsigned long long)*arrived);
        fflush(stdout);
    }
    kill(sender, SIGKILL);
    kill(relay, SIGKILL);
    kill(receiver, SIGKILL);
}
