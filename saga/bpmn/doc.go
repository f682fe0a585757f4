// Package bpmn reads flows drawn in BPMN 2.0 (OMG formal/2011-01-03, XML of
// chapter 10) into definitions that package saga runs.
//
// What an element means to a service is said with the extension elements that
// Camunda Modeler writes for Zeebe:
//
//	<zeebe:taskDefinition type="parsing" retries="5"/>  the service, and its attempts
//	<zeebe:ioMapping><zeebe:input source="=location.file" target="file"/></zeebe:ioMapping>
//	<zeebe:taskHeaders>
//	  <zeebe:header key="timeout" value="PT24H"/>       ISO 8601 duration until the visit is timed-out
//	  <zeebe:header key="effect" value="none"/>         the step changes nothing, so it needs no undo
//	  <zeebe:header key="on-failure" value="wait"/>     a failed visit waits for a person
//	</zeebe:taskHeaders>
//
// # What an expression sees
//
// An expression is FEEL, written with a leading equals sign. Its names are the
// context of the event: "document" is what was submitted, and each step's
// output has the step's id as its name. For models drawn for other engines,
// which know one flat set of variables, a name that is neither is looked up
// among the members of the outputs, the event's own step first, then the
// steps drawn last first, then the submission. What is absent is null.
//
// # Ids
//
// The ids of elements become tokens of subjects. An id that cannot (it has
// dots, say, or more than 64 characters) is rewritten: other characters become
// an underscore, and a hash keeps it distinct.
//
// # Limits
//
// A file has at most [MaxSource] bytes, [MaxElements] elements, nested at most
// [MaxDepth] deep. Document type declarations, and so entities, are refused.
package bpmn
