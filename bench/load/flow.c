/*
 * The part of the load that has to be fast: reads what comes on connections that are in their rooms already, counts
 * messages, and sends the next ones. The same as `flow.ts`, without what Node needs for each event: with that, the load
 * would be measured beside the server.
 *
 * Standard input: a line of numbers (rooms, members of each, connections held here, publishers of each room, whether one
 * publishes for all, in flight, a second, mark's index, mark's byte, lines, sampled, microseconds of warming up and of
 * measuring, whether it never sleeps), a line with the ping of the application in hexadecimal and its answer as a frame
 * (`-` for none), then a line for each publisher (where the digits of the stamp begin, and its frame). Descriptors from
 * 3: the connections of the members, then, where one publishes for all, its own.
 * Standard output: `measuring`, `measured`, then a line of JSON.
 *
 * Why it does not sleep where it has a core of its own: a write to a reader that sleeps has to wake it, which the server
 * would pay for. Clients on other machines are not woken by it. How busy it is, it measures itself.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_FD 3
#define EVENTS_MAX 1024
#define READ_BYTES 262144
#define FRAME_BYTES_MAX 65536
#define WRITE_BYTES 1048576
/* Messages of a room that may be on their way at once. */
#define WINDOW 65536
#define STAMP_DIGITS 13
/* Latencies are told in microseconds up to here. */
#define LATENCY_MAX 1000000
#define WRITE_TIMEOUT_MS 5000
#define DRAIN_US 5000000
#define SILENCE_US 20000
#define TICK_MS 1
#define PONG 0x8a

struct room {
  uint64_t sent, done;
  /* Members that still lack the message of this number, modulo the window. */
  uint32_t *lacking;
  int turn;
};

struct member {
  uint64_t heard;
  /* The beginning of a frame whose end has not come yet. */
  unsigned char *rest;
  size_t rest_length;
};

struct publisher {
  int fd;
  size_t stamp, length;
  unsigned char *frame;
};

static long room_count, room_size, held, connections, publishers, in_flight, lines, sampled, mark_index, mark_byte;
static double per_second;
static int64_t warm_up_us, measure_us;
static unsigned char ping[256], answer[256];
static size_t ping_length, answer_length;
static struct room *rooms;
static struct member *members;
static struct publisher *senders;
static uint64_t delivered, surplus;
static uint32_t latencies[LATENCY_MAX + 1];
static int is_measuring, is_ending, is_sleepless;
/* From when something came to when all of it was dealt with. */
static int64_t busy_us;

static void fail(const char *why) {
  fprintf(stderr, "flow: %s\n", why);
  exit(1);
}

static int64_t now_us(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void write_all(int fd, const unsigned char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(fd, bytes, length);
    if (written < 0 && errno == EAGAIN) {
      struct pollfd writable = {.fd = fd, .events = POLLOUT};
      if (poll(&writable, 1, WRITE_TIMEOUT_MS) <= 0) fail("the server does not take what is published");
      continue;
    }
    /* A connection that is gone shows in what is not delivered. */
    if (written < 0) return;
    bytes += written;
    length -= (size_t)written;
  }
}

/* What one sends at once is one write. */
static void send_from(struct publisher *from, long count, int64_t time) {
  static unsigned char out[WRITE_BYTES];
  char digits[STAMP_DIGITS + 1];
  size_t length = 0;
  snprintf(digits, sizeof digits, "%0*lld", STAMP_DIGITS, (long long)time);
  memcpy(from->frame + from->stamp, digits, STAMP_DIGITS);
  for (long index = 0; index < count; index++) {
    if (length + from->length > sizeof out) {
      write_all(from->fd, out, length);
      length = 0;
    }
    memcpy(out + length, from->frame, from->length);
    length += from->length;
  }
  write_all(from->fd, out, length);
}

/* Where several publish in a room, they take turns. */
static void publish(long index, long count) {
  struct room *room = &rooms[index];
  int64_t time = now_us();
  for (long number = 0; number < count; number++) room->lacking[room->sent++ % WINDOW] = (uint32_t)room_size;
  for (long step = 0; step < publishers && step < count; step++) {
    long share = count / publishers + (step < count % publishers);
    send_from(&senders[index * publishers + (room->turn + step) % publishers], share, time);
  }
  room->turn = (int)((room->turn + count % publishers) % publishers);
}

static void on_stamp(const unsigned char *payload, size_t length, int64_t now) {
  const unsigned char *sign = memchr(payload, '@', length);
  if (sign == NULL || (size_t)(payload + length - sign) <= STAMP_DIGITS) return;
  int64_t time = 0;
  for (int index = 1; index <= STAMP_DIGITS; index++) time = time * 10 + sign[index] - '0';
  int64_t us = now - time;
  latencies[us < 1 ? 1 : us > LATENCY_MAX ? LATENCY_MAX : us]++;
}

/* One text: a message, a ping of the application, or something that is of no interest. Gives how many messages. */
static long on_text(long index, const unsigned char *text, size_t length, int64_t now) {
  if (length > (size_t)mark_index && text[mark_index] == mark_byte) {
    if (is_measuring && index < sampled) on_stamp(text, length, now);
    return 1;
  }
  if (ping_length > 0 && length == ping_length && memcmp(text, ping, length) == 0) {
    write_all(FIRST_FD + (int)index, answer, answer_length);
  }
  return 0;
}

static long on_frame(long index, int opcode, const unsigned char *payload, size_t length, int64_t now) {
  if (opcode == 9 && length <= 125) {
    unsigned char pong[6 + 125] = {PONG, (unsigned char)(0x80 | length)};
    memcpy(pong + 6, payload, length);
    write_all(FIRST_FD + (int)index, pong, 6 + length);
  }
  if (opcode != 1) return 0;
  if (!lines) return on_text(index, payload, length, now);
  long count = 0;
  for (size_t from = 0; from < length;) {
    const unsigned char *end = memchr(payload + from, '\n', length - from);
    size_t size = end == NULL ? length - from : (size_t)(end - payload) - from;
    count += on_text(index, payload + from, size, now);
    from += size + 1;
  }
  return count;
}

/* Gives how many bytes were whole frames. */
static size_t take_frames(long index, const unsigned char *bytes, size_t length, int64_t now, long *count) {
  size_t at = 0;
  while (length - at >= 2) {
    size_t size = bytes[at + 1] & 0x7f, header = 2;
    if (size == 126) {
      header = 4;
      if (length - at < header) break;
      size = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
    } else if (size == 127) {
      header = 10;
      if (length - at < header) break;
      size = 0;
      for (int byte = 2; byte < 10; byte++) size = size << 8 | bytes[at + byte];
    }
    if (length - at < header + size) break;
    *count += on_frame(index, bytes[at] & 0x0f, bytes + at + header, size, now);
    at += header + size;
  }
  return at;
}

/* A member heard the next `count` messages of its room: what is done by that is followed by as much. */
static void receive(long index, long count) {
  long number = index / room_size;
  struct room *room = &rooms[number];
  struct member *member = &members[index];
  uint64_t to = member->heard + (uint64_t)count, done = room->done;
  delivered += (uint64_t)count;
  if (to > room->sent) {
    surplus += to - room->sent;
    to = room->sent;
  }
  for (; member->heard < to; member->heard++) {
    if (--room->lacking[member->heard % WINDOW] == 0) room->done++;
  }
  if (room->done > done && in_flight > 0 && !is_ending) publish(number, (long)(room->done - done));
}

static void on_readable(int fd) {
  static unsigned char bytes[READ_BYTES * 2];
  long index = fd - FIRST_FD, count = 0;
  struct member *member = &members[index];
  size_t total = member->rest_length;
  if (total > READ_BYTES) fail("a frame that is too large");
  if (total > 0) memcpy(bytes, member->rest, total);
  ssize_t length = read(fd, bytes + total, READ_BYTES);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    close(fd);
    return;
  }
  total += (size_t)length;
  size_t taken = take_frames(index, bytes, total, now_us(), &count);
  member->rest_length = total - taken;
  if (total > taken) {
    member->rest = realloc(member->rest, total - taken);
    memcpy(member->rest, bytes + taken, total - taken);
  }
  if (count > 0 && index < held) receive(index, count);
}

/* Late ticks send what is due by then, unless too much is on its way already. */
static void on_tick(int64_t begun) {
  static int64_t due;
  int64_t now = (int64_t)((double)(now_us() - begun) / 1e6 * per_second);
  for (long index = 0; index < room_count && now > due; index++) {
    if (rooms[index].sent - rooms[index].done < WINDOW) publish(index, (long)(now - due));
  }
  due = now;
}

static uint64_t total_done(void) {
  uint64_t sum = 0;
  for (long index = 0; index < room_count; index++) sum += rooms[index].done;
  return sum;
}

static uint64_t total_sent(void) {
  uint64_t sum = 0;
  for (long index = 0; index < room_count; index++) sum += rooms[index].sent;
  return sum;
}

/* Lets messages flow until then, or, while it ends, until all of them have come. */
static void flow(int poll, int64_t begun, int64_t until) {
  static struct epoll_event events[EVENTS_MAX];
  for (int64_t now = now_us(); now < until; now = now_us()) {
    if (is_ending && total_done() == total_sent() && until - now > SILENCE_US) until = now + SILENCE_US;
    int paced = in_flight == 0 && !is_ending;
    if (paced) on_tick(begun);
    int timeout = paced || is_ending ? TICK_MS : (int)((until - now) / 1000) + 1;
    int count = epoll_wait(poll, events, EVENTS_MAX, is_sleepless ? 0 : timeout);
    if (count <= 0) continue;
    int64_t came = now_us();
    for (int index = 0; index < count; index++) on_readable(events[index].data.fd);
    if (is_measuring) busy_us += now_us() - came;
  }
}

static size_t read_hex(const char *hex, unsigned char *bytes, size_t size) {
  size_t length = strcmp(hex, "-") == 0 ? 0 : strlen(hex) / 2;
  if (length > size) fail("a frame that is too large");
  for (size_t index = 0; index < length; index++) {
    unsigned value;
    if (sscanf(hex + index * 2, "%2x", &value) != 1) fail("what is to be sent cannot be read");
    bytes[index] = (unsigned char)value;
  }
  return length;
}

static void read_publishers(int isOne) {
  static char hex[FRAME_BYTES_MAX * 2 + 1];
  long count = room_count * publishers;
  senders = calloc((size_t)count, sizeof *senders);
  for (long index = 0; index < count; index++) {
    struct publisher *sender = &senders[index];
    if (scanf("%zu %131072s", &sender->stamp, hex) != 2) fail("a publisher is missing");
    sender->frame = malloc(strlen(hex) / 2);
    sender->length = read_hex(hex, sender->frame, FRAME_BYTES_MAX);
    sender->fd = FIRST_FD + (int)(isOne ? held : index);
  }
}

static void read_task(void) {
  static char ping_hex[512], answer_hex[512];
  int isOne;
  if (scanf("%ld %ld %ld %ld %d %ld %lf", &room_count, &room_size, &held, &publishers, &isOne, &in_flight, &per_second) != 7 ||
      scanf("%ld %ld %ld %ld", &mark_index, &mark_byte, &lines, &sampled) != 4 ||
      scanf("%ld %ld %d", &warm_up_us, &measure_us, &is_sleepless) != 3 ||
      scanf("%511s %511s", ping_hex, answer_hex) != 2)
    fail("the task cannot be read");
  ping_length = read_hex(ping_hex, ping, sizeof ping);
  answer_length = read_hex(answer_hex, answer, sizeof answer);
  read_publishers(isOne);
  connections = held + isOne;
  members = calloc((size_t)connections, sizeof *members);
  rooms = calloc((size_t)room_count, sizeof *rooms);
  for (long index = 0; index < room_count; index++) rooms[index].lacking = calloc(WINDOW, sizeof(uint32_t));
}

static void tell(const char *phase) {
  puts(phase);
  fflush(stdout);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  read_task();
  int poll = epoll_create1(0);
  for (long index = 0; index < connections; index++) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = FIRST_FD + (int)index};
    epoll_ctl(poll, EPOLL_CTL_ADD, event.data.fd, &event);
  }
  int64_t begun = now_us();
  for (long index = 0; index < room_count && in_flight > 0; index++) publish(index, in_flight);
  flow(poll, begun, begun + warm_up_us);
  uint64_t delivered_before = delivered, done_before = total_done();
  int64_t measured_from = now_us();
  tell("measuring");
  is_measuring = 1;
  flow(poll, begun, measured_from + measure_us);
  is_measuring = 0;
  double seconds = (double)(now_us() - measured_from) / 1e6;
  uint64_t deliveries = delivered - delivered_before, messages = total_done() - done_before;
  tell("measured");
  is_ending = 1;
  flow(poll, begun, now_us() + DRAIN_US);
  printf("{\"deliveriesPerSecond\":%.3f,\"messagesPerSecond\":%.3f,", (double)deliveries / seconds, (double)messages / seconds);
  printf("\"delivered\":%llu,\"surplus\":%llu,", (unsigned long long)delivered, (unsigned long long)surplus);
  printf("\"sent\":%llu,\"busy\":%.4f,\"latencies\":[", (unsigned long long)total_sent(), (double)busy_us / 1e6 / seconds);
  const char *separator = "";
  for (long us = 0; us <= LATENCY_MAX; us++) {
    if (latencies[us] == 0) continue;
    printf("%s[%ld,%u]", separator, us, latencies[us]);
    separator = ",";
  }
  tell("]}");
  return 0;
}
