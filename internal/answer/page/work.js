// What the worker runs: SHA-256 (FIPS 180-4) over nonce, dot and counter, with
// the first block of 64 bytes done once.
function work() {
  onmessage = function (e) {
    var K = [], H = [], n = 0, c = 2, i, j, composite = {};
    for (; n < 64; c++) {
      if (composite[c]) continue;
      for (i = c * c; i < 400; i += c) composite[i] = 1;
      if (n < 8) H[n] = (Math.pow(c, 1 / 2) * 4294967296) | 0;
      K[n++] = (Math.pow(c, 1 / 3) * 4294967296) | 0;
    }
    K = new Int32Array(K);
    var W = new Int32Array(64), S = new Int32Array(8), M = new Int32Array(H);
    function block(from) {
      var a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5], g = from[6], h = from[7], i, x, y, t, u;
      for (i = 16; i < 64; i++) {
        x = W[i - 15]; y = W[i - 2];
        W[i] = W[i - 16] + W[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10);
      }
      for (i = 0; i < 64; i++) {
        t = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + W[i] | 0;
        u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & b ^ a & c ^ b & c) | 0;
        h = g; g = f; f = e; e = d + t | 0; d = c; c = b; b = a; a = t + u | 0;
      }
      S[0] = from[0] + a; S[1] = from[1] + b; S[2] = from[2] + c; S[3] = from[3] + d;
      S[4] = from[4] + e; S[5] = from[5] + f; S[6] = from[6] + g; S[7] = from[7] + h;
    }
    function fill(text, at) {
      W.fill(0, 0, 16);
      for (var i = 0; i < text.length; i++) W[i >> 2] |= text.charCodeAt(i) << (24 - (i & 3) * 8);
      if (at < 0) return;
      W[text.length >> 2] |= 128 << (24 - (text.length & 3) * 8);
      W[15] = at * 8;
    }
    var q = e.data, head = q.nonce + ".", tail = head.slice(64), begun = performance.now();
    fill(head.slice(0, 64), -1);
    block(M);
    M.set(S);
    for (j = 0; j < q.tries; j++) {
      fill(tail + j, head.length + String(j).length);
      block(M);
      if (S[0] >>> (32 - q.bits) === 0) {
        postMessage({ counter: j, took: performance.now() - begun, agent: navigator.userAgent, languages: String(navigator.languages) });
        return;
      }
      if (j % 8192 === 8191) postMessage({ share: j / q.tries });
    }
    postMessage({ gaveUp: true });
  };
}
