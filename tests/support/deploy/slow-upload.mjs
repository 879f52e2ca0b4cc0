// A request that is under way for as long as one likes: sends half of its body, says so, sends the other half when stdin
// ends, and prints the answer. Without imports from here, so that it runs wherever Node does.
//   node slow-upload.mjs PORT
import { connect } from 'node:net';

const HEAD = [
  'POST /api/session HTTP/1.1',
  'Host: localhost',
  'Content-Type: application/json',
  'Content-Length: 2',
];
const socket = connect(Number(process.argv[2]), '127.0.0.1', () => {
  socket.write(`${HEAD.join('\r\n')}\r\n\r\n{`);
  // Until the server has read it, the connection counts as one on which nothing ever came.
  setTimeout(() => console.log('under way'), 500);
});
let answer = '';
socket.on('data', (part) => (answer += part));
socket.on('error', ({ message }) => (answer += message));
socket.on('close', () => {
  console.log(answer);
  process.exit();
});
process.stdin.resume().on('end', () => socket.write('}'));
