// The master's HTTP side: requests with the token, and the live stream, opened again when it ends.
// The token stays in this tab (sessionStorage); no address ever has it.

const KEY = "meshwork-token";
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/** A request that was answered with an error. `status` is 0 when there was no answer. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem?.message ?? "the master does not answer");
    this.status = status;
    this.word = problem?.error;
  }
}

export const token = {
  read: () => sessionStorage.getItem(KEY),
  keep: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

/** Asks; gives what the answer holds, or throws `Refused`. */
export async function ask(path, method = "GET") {
  const shown = token.read();
  const headers = shown ? { Authorization: `Bearer ${shown}` } : {};
  let answer;
  try {
    answer = await fetch(path, { method, headers, cache: "no-store", credentials: "omit" });
  } catch {
    throw new Refused(0);
  }
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body);
  return body;
}

/**
 * The live stream. Tells `onMessage` what comes, `onState` how it is (`live`, `lost` with the wait
 * until the next try, `refused`). Goes on behind the last event after every gap.
 */
export class Live {
  constructor(onMessage, onState) {
    this.onMessage = onMessage;
    this.onState = onState;
    this.seen = { epoch: null, after: 0 };
    this.tries = 0;
    this.turn = 0;
    this.stopped = false;
  }

  async open() {
    clearTimeout(this.timer);
    if (this.stopped) return;
    // Of two at a time only the later one goes on.
    this.turn += 1;
    const { turn } = this;
    const isOver = () => this.stopped || turn !== this.turn;
    try {
      const { ticket } = await ask("/v1/events/ticket", "POST");
      if (!isOver()) this.connect(ticket);
    } catch (refused) {
      if (isOver()) return;
      if (refused.status === 401 || refused.status === 403) this.onState("refused", refused);
      else this.retry();
    }
  }

  connect(ticket) {
    const query = new URLSearchParams({ mesh: "true", after: String(this.seen.after) });
    if (this.seen.epoch !== null) query.set("epoch", String(this.seen.epoch));
    const address = new URL(`/v1/events?${query}`, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = new WebSocket(address, ["meshwork.v1", `ticket.${ticket}`]);
    const before = this.socket;
    this.socket = socket;
    before?.close();
    socket.onmessage = ({ data }) => {
      if (socket !== this.socket) return;
      this.heard = Date.now();
      const message = JSON.parse(data);
      if (message.type === "events") {
        this.seen = { epoch: message.epoch, after: message.next };
      }
      if (this.tries > 0 || !this.isLive) {
        this.tries = 0;
        this.isLive = true;
        this.onState("live");
      }
      this.onMessage(message);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.retry();
    };
    this.heard = Date.now();
    clearInterval(this.watch);
    // Pictures come every second: silence means that the connection is gone, whatever TCP thinks.
    this.watch = setInterval(() => {
      if (Date.now() - this.heard > 10_000) this.drop();
    }, 2000);
  }

  drop() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.retry();
  }

  retry() {
    clearInterval(this.watch);
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.isLive = false;
    const wait = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    this.onState("lost", wait);
    this.timer = setTimeout(() => this.open(), wait);
  }

  stop() {
    this.stopped = true;
    clearInterval(this.watch);
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = null;
    socket?.close();
  }
}
