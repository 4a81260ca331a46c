"use strict";
// danfojs-node asks for the native "@tensorflow/tfjs-node", whose binary is downloaded at install time.
// It is handed the plain JavaScript build that the laboratory already uses: the same engine, the same tensors.
module.exports = require("@tensorflow/tfjs");
