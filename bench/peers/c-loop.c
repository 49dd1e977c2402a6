/*
 * The limit of the kernel: epoll, read and write, and nothing that could be left out. It answers every handshake with
 * 101, takes every connection that says {"type":"join"} as a member of the one room, and sends each text frame of the
 * others to all members. Argument: how many frames one write may hold. Frames come with a mask of zeros, as the bench's
 * load sends them, so that their payload can go on as it is.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#define FDS_MAX 65536
#define READ_BYTES 262144
#define BATCH_BYTES 262144
#define EVENTS_MAX 1024
#define MASK_BYTES 4

static const char welcome[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
static const char joined[] = "\x81\x11{\"type\":\"joined\"}";

static int members[FDS_MAX];
static int member_count;
static char is_open[FDS_MAX];
/* What came of a frame so far: only whoever publishes ever has any. */
static unsigned char *rest[FDS_MAX];
static size_t rest_length[FDS_MAX];

static unsigned char batch[BATCH_BYTES];
static size_t batch_length;
static int batch_frames;
static int batch_frames_max;

static void write_all(int fd, const void *bytes, size_t length) {
  const char *at = bytes;
  while (length > 0) {
    ssize_t written = write(fd, at, length);
    if (written < 0 && errno == EAGAIN) {
      /* Its reader is behind: the bench's load always comes to it. */
      usleep(50);
      continue;
    }
    if (written < 0) return;
    at += written;
    length -= (size_t)written;
  }
}

static void flush(void) {
  for (int index = 0; index < member_count; index++) write_all(members[index], batch, batch_length);
  batch_length = 0;
  batch_frames = 0;
}

static void publish(const unsigned char *payload, size_t length) {
  if (batch_frames == batch_frames_max || batch_length + length + 4 > BATCH_BYTES) flush();
  unsigned char *frame = batch + batch_length;
  size_t header = length > 125 ? 4 : 2;
  frame[0] = 0x81;
  frame[1] = length > 125 ? 126 : (unsigned char)length;
  if (header == 4) {
    frame[2] = (unsigned char)(length >> 8);
    frame[3] = (unsigned char)(length & 255);
  }
  memcpy(frame + header, payload, length);
  batch_length += header + length;
  batch_frames++;
}

/* Gives how many bytes were whole frames. */
static size_t take_frames(int fd, const unsigned char *bytes, size_t length) {
  static const char join[] = "{\"type\":\"join\"";
  size_t at = 0;
  while (length - at >= 2) {
    size_t size = bytes[at + 1] & 0x7f, header = 2;
    if (size == 126) {
      if (length - at < 4) break;
      size = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
      header = 4;
    }
    header += MASK_BYTES;
    if (length - at < header + size) break;
    const unsigned char *payload = bytes + at + header;
    if ((bytes[at] & 0x0f) == 1 && size >= sizeof join - 1 && memcmp(payload, join, sizeof join - 1) == 0) {
      members[member_count++] = fd;
      write_all(fd, joined, sizeof joined - 1);
    } else if ((bytes[at] & 0x0f) == 1) {
      publish(payload, size);
    }
    at += header + size;
  }
  return at;
}

static void drop(int fd) {
  for (int index = 0; index < member_count; index++) {
    if (members[index] == fd) members[index--] = members[--member_count];
  }
  is_open[fd] = 0;
  free(rest[fd]);
  rest[fd] = NULL;
  rest_length[fd] = 0;
  close(fd);
}

static void on_bytes(int fd) {
  static unsigned char bytes[READ_BYTES * 2];
  size_t held = rest_length[fd];
  if (held > 0) memcpy(bytes, rest[fd], held);
  ssize_t length = read(fd, bytes + held, READ_BYTES);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) return drop(fd);
  if (!is_open[fd]) {
    /* The bench's load sends the whole request at once, and waits for the answer. */
    is_open[fd] = 1;
    return write_all(fd, welcome, sizeof welcome - 1);
  }
  size_t total = held + (size_t)length, taken = take_frames(fd, bytes, total);
  rest_length[fd] = total - taken;
  if (total == taken) return;
  rest[fd] = realloc(rest[fd], total - taken);
  memcpy(rest[fd], bytes + taken, total - taken);
}

static void on_connection(int server, int poll) {
  int fd = accept(server, NULL, NULL), one = 1;
  if (fd < 0) return;
  if (fd >= FDS_MAX) {
    close(fd);
    return;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

int main(int count, char **arguments) {
  batch_frames_max = count > 1 ? atoi(arguments[1]) : 1;
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
  if (bind(server, (struct sockaddr *)&address, size) != 0 || listen(server, 4096) != 0) return 1;
  getsockname(server, (struct sockaddr *)&address, &size);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = server}, events[EVENTS_MAX];
  epoll_ctl(poll, EPOLL_CTL_ADD, server, &event);
  printf("listens on http://127.0.0.1:%d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int ready = epoll_wait(poll, events, EVENTS_MAX, -1);
    for (int index = 0; index < ready; index++) {
      if (events[index].data.fd == server) on_connection(server, poll);
      else on_bytes(events[index].data.fd);
    }
    if (batch_frames > 0) flush();
  }
}
