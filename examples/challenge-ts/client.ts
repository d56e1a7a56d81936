// A client's side of Bartizan's interrogation: a fetch that answers proof-of-work
// challenges and shows the pass that this earns. Copy it; it runs in browsers, Node 20,
// Bun and Deno and needs nothing else. In a page it is for the page's own origin: answers
// of other origins show their headers only where CORS exposes them (Bartizan-Challenge,
// Bartizan-Pass). docs/interrogation.md describes the protocol.
//
//   const call = answering();
//   const response = await call("https://api.example.com/orders");

export interface Challenge {
  nonce: string;
  difficulty: number; // leading zero bits
}

export interface Options {
  fetch?: typeof fetch;
  /** The hardest work that is done, in leading zero bits. */
  most?: number;
}

/** Returns a fetch that solves what it is asked, once a call. */
export function answering(options: Options = {}): typeof fetch {
  const send = options.fetch ?? fetch;
  const most = options.most ?? 22;
  const passes = new Map<string, string>(); // by host

  return async function (input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init);
    const host = new URL(request.url).host;
    const again = request.clone(); // a body can be read once
    const pass = passes.get(host);
    if (pass !== undefined) {
      request.headers.set("Bartizan-Pass", pass);
    }
    const response = await send(request);
    const challenge = parse(response.headers.get("Bartizan-Challenge"));
    if (challenge === undefined || challenge.difficulty > most) {
      return response;
    }
    await response.body?.cancel();
    again.headers.set("Bartizan-Answer", await solve(challenge, init?.signal ?? undefined));
    const answered = await send(again);
    const earned = answered.headers.get("Bartizan-Pass");
    if (earned !== null) {
      passes.set(host, earned);
    }
    return answered;
  };
}

/** Reads `sha-256;difficulty=17;expires=1764000000;nonce="…"`. */
export function parse(field: string | null): Challenge | undefined {
  const [algorithm, ...parameters] = (field ?? "").split(";");
  const values = new Map<string, string>();
  for (const parameter of parameters) {
    const [name, value] = parameter.trim().split("=", 2);
    if (name !== undefined && value !== undefined) {
      values.set(name, value.replaceAll('"', ""));
    }
  }
  const nonce = values.get("nonce");
  const difficulty = Number(values.get("difficulty"));
  if (algorithm !== "sha-256" || !nonce || !(difficulty > 0 && difficulty <= 32)) {
    return undefined;
  }
  return { nonce, difficulty };
}

/** Finds the counter for which SHA-256 over nonce, dot and counter begins with so
 * many zero bits. Others get their turn every few milliseconds. */
export async function solve(challenge: Challenge, signal?: AbortSignal): Promise<string> {
  for (let counter = 0; ; counter++) {
    if (counter % 4096 === 0) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => setTimeout(resolve));
    }
    const answer = challenge.nonce + "." + counter;
    if (Math.clz32(firstWord(answer)) >= challenge.difficulty) {
      return answer;
    }
  }
}

const [initial, rounds] = constants();

/** The fractional parts of square and cube roots of the first primes (FIPS 180-4). */
function constants(): [Int32Array, Int32Array] {
  const h = new Int32Array(8);
  const k = new Int32Array(64);
  for (let n = 0, c = 2; n < 64; c++) {
    let prime = true;
    for (let d = 2; d * d <= c; d++) prime &&= c % d !== 0;
    if (!prime) continue;
    if (n < 8) h[n] = (Math.sqrt(c) * 2 ** 32) | 0;
    k[n++] = (Math.pow(c, 1 / 3) * 2 ** 32) | 0;
  }
  return [h, k];
}

const w = new Int32Array(64);

/** The first 32 bits of SHA-256 over ASCII text. WebCrypto's digest is asynchronous,
 * which costs more than the hash, and only secure pages have it. */
export function firstWord(text: string): number {
  const state = Int32Array.from(initial);
  const blocks = Math.floor((text.length + 8) / 64) + 1;
  for (let block = 0; block < blocks; block++) {
    w.fill(0, 0, 16);
    for (let i = block * 64; i < Math.min(block * 64 + 64, text.length + 1); i++) {
      w[(i >> 2) & 15]! |= (i < text.length ? text.charCodeAt(i) : 128) << (24 - (i & 3) * 8);
    }
    if (block === blocks - 1) w[15] = text.length * 8;
    compress(state);
  }
  return state[0]!;
}

function compress(state: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    w[i] = w[i - 16]! + w[i - 7]! + (rotate(x, 7) ^ rotate(x, 18) ^ (x >>> 3)) + (rotate(y, 17) ^ rotate(y, 19) ^ (y >>> 10));
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const t = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + rounds[i]! + w[i]!) | 0;
    const u = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t) | 0; d = c; c = b; b = a; a = (t + u) | 0;
  }
  state[0]! += a; state[1]! += b; state[2]! += c; state[3]! += d;
  state[4]! += e; state[5]! += f; state[6]! += g; state[7]! += h;
}

function rotate(x: number, n: number): number {
  return (x >>> n) | (x << (32 - n));
}
