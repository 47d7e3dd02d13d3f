(function () {
  "use strict";
  // OpenID Connect Session Management 1.0, 3.2. A page of an application asks "client_id session_state"; the answer says
  // whether this browser's state is still the one that the application was told a hash of. Plain old JavaScript: it has
  // to work wherever somebody can sign in.
  var NAME = "{cookie}=";

  function state() {
    var all = document.cookie.split("; ");
    for (var i = 0; i < all.length; i += 1) {
      if (all[i].indexOf(NAME) === 0) { return all[i].substring(NAME.length); }
    }
    return "";
  }

  function bytes(text) {
    var utf8 = unescape(encodeURIComponent(text)), found = [];
    for (var i = 0; i < utf8.length; i += 1) { found.push(utf8.charCodeAt(i)); }
    return found;
  }

  function hex(octets) {
    var text = "";
    for (var i = 0; i < octets.length; i += 1) { text += (octets[i] < 16 ? "0" : "") + octets[i].toString(16); }
    return text;
  }

  // SHA-256 (FIPS 180-4) where the browser has none for scripts: an old one, or a page that came by plain http. It
  // guards no secret: it only compares what both sides know with what an application was told.
  function sha256(message) {
    var h = [], k = [], w = [], data = message.slice(), length = message.length, n, i, j;
    function fraction(x) { return ((x - Math.floor(x)) * 4294967296) | 0; }
    function turn(x, by) { return (x >>> by) | (x << (32 - by)); }
    for (n = 2; k.length < 64; n += 1) {
      for (i = 2; i * i <= n && n % i !== 0; i += 1) { }
      if (i * i > n) {
        if (h.length < 8) { h.push(fraction(Math.pow(n, 1 / 2))); }
        k.push(fraction(Math.pow(n, 1 / 3)));
      }
    }
    data.push(128);
    while (data.length % 64 !== 56) { data.push(0); }
    data.push(0, 0, 0, Math.floor(length / 536870912));
    data.push((length >>> 21) & 255, (length >>> 13) & 255, (length >>> 5) & 255, (length << 3) & 255);
    for (j = 0; j < data.length; j += 64) {
      var v = h.slice();
      for (i = 0; i < 64; i += 1) {
        if (i < 16) {
          var at = j + i * 4;
          w[i] = (data[at] << 24) | (data[at + 1] << 16) | (data[at + 2] << 8) | data[at + 3];
        } else {
          var a = w[i - 15], b = w[i - 2];
          var s0 = turn(a, 7) ^ turn(a, 18) ^ (a >>> 3), s1 = turn(b, 17) ^ turn(b, 19) ^ (b >>> 10);
          w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
        }
        var e1 = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25), ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
        var t1 = (v[7] + e1 + ch + k[i] + w[i]) | 0;
        var e0 = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22);
        var t2 = (e0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]))) | 0;
        v = [(t1 + t2) | 0, v[0], v[1], v[2], (v[3] + t1) | 0, v[4], v[5], v[6]];
      }
      for (i = 0; i < 8; i += 1) { h[i] = (h[i] + v[i]) | 0; }
    }
    var digest = [];
    for (i = 0; i < 8; i += 1) { digest.push((h[i] >>> 24) & 255, (h[i] >>> 16) & 255, (h[i] >>> 8) & 255, h[i] & 255); }
    return digest;
  }

  function hashed(text, then) {
    var data = bytes(text), own = function () { then(hex(sha256(data))); };
    // Some browsers have the name and refuse the call.
    try {
      window.crypto.subtle.digest("SHA-256", new Uint8Array(data)).then(function (made) {
        then(hex(new Uint8Array(made)));
      }, own);
    } catch (none) {
      own();
    }
  }

  function answer(event) {
    var asked = /^(.+) ([0-9a-f]{64})\.([A-Za-z0-9_-]+)$/.exec(typeof event.data === "string" ? event.data : "");
    var now = state();
    function say(word) { event.source.postMessage(word, event.origin); }
    // A browser that keeps this cookie from frames knows nothing: "changed" would make applications ask for ever.
    if (!asked || !now) { say("error"); return; }
    hashed(asked[1] + " " + event.origin + " " + now + " " + asked[3], function (hash) {
      say(hash === asked[2] ? "unchanged" : "changed");
    });
  }

  if (window.addEventListener) {
    window.addEventListener("message", answer, false);
  } else {
    window.attachEvent("onmessage", answer);
  }
}());
