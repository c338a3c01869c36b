/* The chat of bench/rivals in C, on epoll alone: about what the operating system itself costs.
 *
 * A frame is made once a message; then each member costs one send(). What a socket does not take is
 * kept for it, 1 MiB at most: a member who is further behind is cut off. Names, rooms and contents
 * stay as they came, escaped JSON, and are neither decoded nor checked to be UTF-8. Of WebSocket it
 * knows whole text messages, ping and close; whoever sends anything else is cut off.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_SIZE = 256 * 1024,
    MESSAGE_LIMIT = 64 * 1024, /* of a client's message, and of its request, in bytes */
    BACKLOG_LIMIT = 1024 * 1024,
    EVENTS = 256,
    DEPTH_LIMIT = 64, /* of nested JSON */
    HEAD_SIZE = 10,   /* of the longest frame's head */
    FINAL = 0x80,
    MASKED = 0x80,
    TEXT = 0x1,
    CLOSE = 0x8,
    PING = 0x9,
    PONG = 0xA,
};

/* A piece of memory that belongs to somebody else. */
typedef struct {
    const char *start;
    size_t length;
} Text;

typedef struct {
    char *start;
    size_t length, capacity;
} Buffer;

typedef struct Client Client;
typedef struct Room Room;

struct Room {
    Buffer name;
    Client **members;
    size_t count, capacity;
    Room *next;
};

struct Client {
    int socket;
    bool is_upgraded, is_doomed;
    Buffer unread;  /* the beginning of a request or a frame */
    Buffer backlog; /* what the socket did not take */
    Buffer username;
    Client *next_doomed;
};

static int epoll;
static Room *rooms;
static Client *doomed;

static void *grown(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        perror("epoll");
        exit(1);
    }
    return memory;
}

static void append(Buffer *buffer, const void *data, size_t length)
{
    if (length == 0)
        return;
    if (buffer->length + length > buffer->capacity) {
        buffer->capacity = (buffer->length + length) * 2;
        buffer->start = grown(buffer->start, buffer->capacity);
    }
    memcpy(buffer->start + buffer->length, data, length);
    buffer->length += length;
}

static void append_text(Buffer *buffer, Text text) { append(buffer, text.start, text.length); }

static void append_string(Buffer *buffer, const char *string)
{
    append(buffer, string, strlen(string));
}

static void release(Buffer *buffer)
{
    free(buffer->start);
    *buffer = (Buffer){0};
}

static Text text_of(Buffer buffer) { return (Text){buffer.start, buffer.length}; }

static bool equal(Text text, Text other)
{
    return text.length == other.length &&
           (text.length == 0 || memcmp(text.start, other.start, text.length) == 0);
}

static bool is(Text text, const char *string) { return equal(text, (Text){string, strlen(string)}); }

/* SHA-1 and base64, for the handshake (FIPS 180-4, RFC 4648). */

static uint32_t rotated(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

static void sha1_block(uint32_t state[5], const uint8_t block[64])
{
    uint32_t words[80];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
                   (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        words[i] = rotated(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5A827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ED9EBA1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC
                                  : (b ^ c ^ d) + 0xCA62C1D6;
        mixed += rotated(a, 5) + e + words[i];
        e = d;
        d = c;
        c = rotated(b, 30);
        b = a;
        a = mixed;
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

/* Of a message of at most 119 bytes: two blocks, the padding included. */
static void sha1(const char *message, size_t length, uint8_t digest[20])
{
    uint8_t blocks[128] = {0};
    size_t size = length < 56 ? 64 : 128;
    memcpy(blocks, message, length);
    blocks[length] = 0x80;
    blocks[size - 2] = (uint8_t)(length * 8 >> 8);
    blocks[size - 1] = (uint8_t)(length * 8);
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (size_t at = 0; at < size; at += 64)
        sha1_block(state, blocks + at);
    for (int i = 0; i < 20; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - i % 4 * 8));
}

static void base64(const uint8_t digest[20], char encoded[29])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t padded[21] = {0};
    memcpy(padded, digest, 20);
    for (int i = 0; i < 28; i++) {
        int bit = i % 4 * 6;
        const uint8_t *triple = padded + i / 4 * 3;
        uint32_t bits = (uint32_t)triple[0] << 16 | (uint32_t)triple[1] << 8 | triple[2];
        encoded[i] = digits[bits >> (18 - bit) & 63];
    }
    encoded[27] = '=';
    encoded[28] = '\0';
}

/* JSON (RFC 8259), read as far as is needed: it is checked, and the strings of one object are found. */

typedef struct {
    const char *at, *end;
} Scan;

typedef struct {
    Text text;
    bool is_there, is_string;
} Field;

typedef struct {
    Field type, username, content, room;
} Command;

static char peek(const Scan *scan) { return scan->at < scan->end ? *scan->at : '\0'; }

static bool skip(Scan *scan, char wanted)
{
    if (scan->at >= scan->end || *scan->at != wanted)
        return false;
    scan->at++;
    return true;
}

static void skip_space(Scan *scan)
{
    while (scan->at < scan->end && memchr(" \t\r\n", *scan->at, 4))
        scan->at++;
}

static bool skip_digits(Scan *scan)
{
    const char *start = scan->at;
    while (isdigit((unsigned char)peek(scan)))
        scan->at++;
    return scan->at > start;
}

static bool scan_number(Scan *scan)
{
    skip(scan, '-');
    if (!skip(scan, '0') && !skip_digits(scan))
        return false;
    if (skip(scan, '.') && !skip_digits(scan))
        return false;
    if (skip(scan, 'e') || skip(scan, 'E')) {
        if (!skip(scan, '+'))
            skip(scan, '-');
        return skip_digits(scan);
    }
    return true;
}

/* Finds what stands between the quotes. */
static bool scan_string(Scan *scan, Text *inside)
{
    if (!skip(scan, '"'))
        return false;
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at != '"') {
        if ((unsigned char)*scan->at < 0x20)
            return false;
        if (!skip(scan, '\\')) {
            scan->at++;
        } else if (skip(scan, 'u')) {
            for (int i = 0; i < 4; i++, scan->at++)
                if (!isxdigit((unsigned char)peek(scan)))
                    return false;
        } else {
            if (scan->at == scan->end || !memchr("\"\\/bfnrt", *scan->at, 8))
                return false;
            scan->at++;
        }
    }
    *inside = (Text){start, (size_t)(scan->at - start)};
    return skip(scan, '"');
}

static bool scan_word(Scan *scan, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return false;
    scan->at += length;
    return true;
}

static Field *field_named(Command *command, Text name)
{
    return is(name, "type")       ? &command->type
           : is(name, "username") ? &command->username
           : is(name, "content")  ? &command->content
           : is(name, "room")     ? &command->room
                                  : NULL;
}

static bool scan_value(Scan *scan, int depth);

/* The fields of a command, if one is given, are found on the way. */
static bool scan_object(Scan *scan, int depth, Command *command)
{
    skip(scan, '{');
    skip_space(scan);
    if (skip(scan, '}'))
        return true;
    do {
        Text name, text = {0};
        skip_space(scan);
        if (!scan_string(scan, &name))
            return false;
        skip_space(scan);
        if (!skip(scan, ':'))
            return false;
        skip_space(scan);
        bool is_string = peek(scan) == '"';
        if (!(is_string ? scan_string(scan, &text) : scan_value(scan, depth + 1)))
            return false;
        Field *field = command ? field_named(command, name) : NULL;
        if (field)
            *field = (Field){text, true, is_string};
        skip_space(scan);
    } while (skip(scan, ','));
    return skip(scan, '}');
}

static bool scan_array(Scan *scan, int depth)
{
    skip(scan, '[');
    skip_space(scan);
    if (skip(scan, ']'))
        return true;
    do {
        if (!scan_value(scan, depth + 1))
            return false;
    } while (skip(scan, ','));
    return skip(scan, ']');
}

static bool scan_value(Scan *scan, int depth)
{
    Text ignored;
    bool is_good;
    if (depth > DEPTH_LIMIT)
        return false;
    skip_space(scan);
    switch (peek(scan)) {
    case '{':
        is_good = scan_object(scan, depth, NULL);
        break;
    case '[':
        is_good = scan_array(scan, depth);
        break;
    case '"':
        is_good = scan_string(scan, &ignored);
        break;
    case 't':
        is_good = scan_word(scan, "true");
        break;
    case 'f':
        is_good = scan_word(scan, "false");
        break;
    case 'n':
        is_good = scan_word(scan, "null");
        break;
    default:
        is_good = scan_number(scan);
    }
    skip_space(scan);
    return is_good;
}

static bool read_command(Text text, Command *command)
{
    Scan scan = {text.start, text.start + text.length};
    *command = (Command){0};
    skip_space(&scan);
    if (peek(&scan) != '{' || !scan_object(&scan, 0, command))
        return false;
    skip_space(&scan);
    return scan.at == scan.end;
}

/* Sending. */

/* Marks a client to be ended when this turn's events have been dealt with. */
static void doom(Client *client)
{
    if (client->is_doomed)
        return;
    client->is_doomed = true;
    client->next_doomed = doomed;
    doomed = client;
}

static void watch(Client *client, uint32_t events, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = client};
    if (epoll_ctl(epoll, operation, client->socket, &event) == -1)
        doom(client);
}

/* Returns how much the socket has taken. */
static size_t try_to_send(Client *client, const char *data, size_t length)
{
    ssize_t sent = send(client->socket, data, length, MSG_NOSIGNAL);
    if (sent >= 0)
        return (size_t)sent;
    if (errno != EAGAIN && errno != EINTR)
        doom(client);
    return 0;
}

static void send_or_keep(Client *client, const char *data, size_t length)
{
    if (client->is_doomed)
        return;
    bool was_behind = client->backlog.length > 0;
    size_t sent = was_behind ? 0 : try_to_send(client, data, length);
    if (client->is_doomed || sent == length)
        return;
    if (client->backlog.length + length - sent > BACKLOG_LIMIT) {
        doom(client);
        return;
    }
    append(&client->backlog, data + sent, length - sent);
    if (!was_behind)
        watch(client, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

static void send_backlog(Client *client)
{
    Buffer *backlog = &client->backlog;
    size_t sent = try_to_send(client, backlog->start, backlog->length);
    backlog->length -= sent;
    memmove(backlog->start, backlog->start + sent, backlog->length);
    if (backlog->length == 0) {
        release(backlog);
        watch(client, EPOLLIN, EPOLL_CTL_MOD);
    }
}

/* Writes a frame's head (RFC 6455, section 5.2) so that it ends at `end`; returns where it begins. */
static char *put_head(char *end, uint8_t opcode, size_t length)
{
    int bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    char *head = end - 2 - bytes;
    head[0] = (char)(FINAL | opcode);
    head[1] = (char)(bytes == 0 ? length : bytes == 2 ? 126 : 127);
    for (int i = 0; i < bytes; i++)
        head[2 + i] = (char)(length >> 8 * (bytes - 1 - i));
    return head;
}

static void send_control(Client *client, uint8_t opcode, const char *payload, size_t length)
{
    char frame[2 + 125];
    put_head(frame + 2, opcode, length);
    memcpy(frame + 2, payload, length);
    send_or_keep(client, frame, 2 + length);
}

/* Rooms. */

static Room *find_room(Text name)
{
    Room *room = rooms;
    while (room && !equal(text_of(room->name), name))
        room = room->next;
    return room;
}

/* Returns the member's place, or how many there are if the client is none of them. */
static size_t place_in(const Room *room, const Client *client)
{
    size_t place = 0;
    while (place < room->count && room->members[place] != client)
        place++;
    return place;
}

static bool is_in(const Room *room, const Client *client)
{
    return room && place_in(room, client) < room->count;
}

/* Sends a message to all in a room; its content is in two parts. */
static void tell(const Room *room, Text username, Text content, const char *ending)
{
    static Buffer frame;
    static const char space[HEAD_SIZE];
    struct timespec now;
    char timestamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(timestamp, sizeof timestamp, "%lld",
             (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    frame.length = 0;
    append(&frame, space, HEAD_SIZE);
    append_string(&frame, "{\"type\":\"message\",\"username\":\"");
    append_text(&frame, username);
    append_string(&frame, "\",\"content\":\"");
    append_text(&frame, content);
    append_string(&frame, ending);
    append_string(&frame, "\",\"timestamp\":");
    append_string(&frame, timestamp);
    append_string(&frame, ",\"room\":\"");
    append_text(&frame, text_of(room->name));
    append_string(&frame, "\"}");
    char *head = put_head(frame.start + HEAD_SIZE, TEXT, frame.length - HEAD_SIZE);
    size_t length = (size_t)(frame.start + frame.length - head);
    for (size_t i = 0; i < room->count; i++)
        send_or_keep(room->members[i], head, length);
}

static const Text SYSTEM = {"System", 6};

static void join(Client *client, Room *room, Text name, Text username)
{
    if (!room) {
        room = grown(NULL, sizeof *room);
        *room = (Room){.next = rooms};
        append_text(&room->name, name);
        rooms = room;
    }
    if (room->count == room->capacity) {
        room->capacity = room->capacity * 2 + 8;
        room->members = grown(room->members, room->capacity * sizeof *room->members);
    }
    room->members[room->count++] = client;
    client->username.length = 0;
    append_text(&client->username, username);
    tell(room, SYSTEM, username, " has joined the chat");
}

static void leave(Client *client, Room *room)
{
    room->members[place_in(room, client)] = room->members[room->count - 1];
    room->count--;
    if (room->count > 0) {
        tell(room, SYSTEM, text_of(client->username), " has left the chat");
        return;
    }
    Room **link = &rooms;
    while (*link != room)
        link = &(*link)->next;
    *link = room->next;
    release(&room->name);
    free(room->members);
    free(room);
}

/* Carries out a command; what is none is ignored. */
static void obey(Client *client, Text text)
{
    Command command;
    if (!read_command(text, &command) || (command.room.is_there && !command.room.is_string))
        return;
    Text name = command.room.is_there ? command.room.text : (Text){"lobby", 5};
    Text type = command.type.text;
    Room *room = find_room(name);
    if (!command.type.is_string)
        return;
    if (is(type, "join") && command.username.is_string && !is_in(room, client))
        join(client, room, name, command.username.text);
    else if (is(type, "message") && command.content.is_string && is_in(room, client))
        tell(room, text_of(client->username), command.content.text, "");
    else if (is(type, "leave") && is_in(room, client))
        leave(client, room);
}

/* Reading. */

/* Each returns how many bytes it has taken: none while something is not there as a whole. */

static size_t take_request(Client *client, char *data, size_t length)
{
    static const char key_header[] = "\r\nSec-WebSocket-Key:";
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char *end = memmem(data, length, "\r\n\r\n", 4);
    if (!end) {
        if (length > MESSAGE_LIMIT)
            doom(client);
        return 0;
    }
    end[2] = '\0';
    char *key = strcasestr(data, key_header);
    if (key)
        key += strlen(key_header) + strspn(key + strlen(key_header), " \t");
    if (!key || strcspn(key, " \t\r") != 24) {
        static const char refusal[] = "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"
                                      "Connection: close\r\nContent-Length: 0\r\n\r\n";
        send_or_keep(client, refusal, strlen(refusal));
        doom(client);
        return 0;
    }
    char challenge[24 + sizeof guid], accept[29], answer[256];
    uint8_t digest[20];
    memcpy(challenge, key, 24);
    memcpy(challenge + 24, guid, sizeof guid);
    sha1(challenge, strlen(challenge), digest);
    base64(digest, accept);
    int size = snprintf(answer, sizeof answer,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                        accept);
    send_or_keep(client, answer, (size_t)size);
    client->is_upgraded = true;
    return (size_t)(end + 4 - data);
}

static size_t take_frame(Client *client, char *data, size_t length)
{
    const uint8_t *head = (const uint8_t *)data;
    if (length < 2)
        return 0;
    size_t size = head[1] & 0x7F;
    size_t head_size = 2 + (size == 126 ? 2 : size == 127 ? 8 : 0);
    if (length < head_size + 4)
        return 0;
    if (head_size > 2) {
        size = 0;
        for (size_t i = 2; i < head_size; i++)
            size = size << 8 | head[i];
    }
    if (!(head[1] & MASKED) || size > MESSAGE_LIMIT) {
        doom(client);
        return 0;
    }
    const char *mask = data + head_size;
    char *payload = data + head_size + 4;
    if (length < head_size + 4 + size)
        return 0;
    for (size_t i = 0; i < size; i++)
        payload[i] ^= mask[i % 4];
    bool is_short = size <= 125;
    if (head[0] == (FINAL | TEXT)) {
        obey(client, (Text){payload, size});
    } else if (head[0] == (FINAL | PING) && is_short) {
        send_control(client, PONG, payload, size);
    } else if (head[0] == (FINAL | CLOSE) && is_short) {
        send_control(client, CLOSE, payload, size);
        doom(client);
    } else if (head[0] != (FINAL | PONG)) {
        doom(client);
    }
    return head_size + 4 + size;
}

static void receive(Client *client)
{
    static char data[READ_SIZE];
    /* What is unread is shorter than a message and its head, and never fills this. */
    size_t length = client->unread.length;
    if (length > 0)
        memcpy(data, client->unread.start, length);
    ssize_t received = recv(client->socket, data + length, sizeof data - length, 0);
    if (received <= 0) {
        if (received == 0 || (errno != EAGAIN && errno != EINTR))
            doom(client);
        return;
    }
    length += (size_t)received;
    size_t at = 0, taken = 0;
    do {
        at += taken;
        taken = client->is_upgraded ? take_frame(client, data + at, length - at)
                                    : take_request(client, data + at, length - at);
    } while (taken > 0 && !client->is_doomed);
    if (at == length) {
        release(&client->unread);
        return;
    }
    client->unread.length = 0;
    append(&client->unread, data + at, length - at);
}

/* Beginnings and ends. */

static void accept_all(int listener)
{
    int socket, yes = 1;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        Client *client = grown(NULL, sizeof *client);
        *client = (Client){.socket = socket};
        watch(client, EPOLLIN, EPOLL_CTL_ADD);
    }
}

/* Ends the doomed, and those who are doomed by being told of it. */
static void end_doomed(void)
{
    while (doomed) {
        Client *client = doomed;
        doomed = client->next_doomed;
        close(client->socket);
        for (Room *room = rooms, *next; room; room = next) {
            next = room->next;
            if (is_in(room, client))
                leave(client, room);
        }
        release(&client->unread);
        release(&client->backlog);
        release(&client->username);
        free(client);
    }
}

static int listen_on(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t size = sizeof address;
    int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener == -1 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == -1 ||
        bind(listener, (struct sockaddr *)&address, size) == -1 ||
        listen(listener, SOMAXCONN) == -1 ||
        getsockname(listener, (struct sockaddr *)&address, &size) == -1) {
        perror("epoll");
        exit(1);
    }
    printf("listening on %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int count, char **arguments)
{
    int port = count == 3 && strcmp(arguments[1], "--port") == 0 ? atoi(arguments[2]) : 0;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(port);
    struct epoll_event events[EVENTS], listening = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            Client *client = events[i].data.ptr;
            if (!client) {
                accept_all(listener);
                continue;
            }
            if (!client->is_doomed && events[i].events & EPOLLOUT)
                send_backlog(client);
            if (!client->is_doomed && events[i].events & ~(uint32_t)EPOLLOUT)
                receive(client);
        }
        end_doomed();
    }
}
