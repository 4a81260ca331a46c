"use strict";
// danfojs-node reads CSV and JSON from addresses through "request", which nobody maintains and whose dependencies are
// known to be unsafe. It is handed what it uses of it, made of Node's own fetch: a stream with the event "response".
const { PassThrough, Readable } = require("node:stream");

function request(options) {
  const { url, method = "GET", headers } = typeof options === "string" ? { url: options } : options;
  const stream = new PassThrough();
  const answer = (statusCode, statusMessage) => stream.emit("response", { statusCode, statusMessage });
  fetch(url, { method, headers }).then(
    (response) => {
      answer(response.status, response.statusText);
      const body = response.body ? Readable.fromWeb(response.body) : Readable.from([]);
      body.on("error", (error) => stream.destroy(error)).pipe(stream);
    },
    (error) => {
      // danfojs listens for statuses only: one that is none ends its promise with this text.
      answer(0, `${url}: ${error.cause?.message ?? error.message}`);
      stream.end();
    },
  );
  return stream;
}

module.exports = request;
module.exports.get = request;
