"""풋풋이's voice, whatever the model wrote: 해요체 throughout, and the sign-off once, at the very end."""

from server.persona.signoff import SIGN_OFF
from server.persona.stream import PersonaStream, apply

__all__ = ["SIGN_OFF", "PersonaStream", "apply"]
