// Sends bodies to models, all at once, with AWS's SDK for JavaScript as it comes; says what each was answered.
// standard input: [[model, body], ..]; standard output: {protocol, replies: [{status, images} or {status, error, message}]}

const { BedrockRuntimeClient, InvokeModelCommand } = require("@aws-sdk/client-bedrock-runtime");

async function send(client, [modelId, body]) {
  try {
    const answer = await client.send(new InvokeModelCommand({ modelId, body: JSON.stringify(body) }));
    const images = JSON.parse(new TextDecoder().decode(answer.body)).images;
    return { status: answer.$metadata.httpStatusCode, images };
  } catch (error) {
    return { status: error.$metadata?.httpStatusCode ?? 0, error: error.name, message: error.message };
  }
}

async function main() {
  const calls = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const client = new BedrockRuntimeClient({});
  const replies = await Promise.all(calls.map((call) => send(client, call)));
  client.destroy();
  process.stdout.write(JSON.stringify({ protocol: client.config.requestHandler.metadata.handlerProtocol, replies }));
}

main();
